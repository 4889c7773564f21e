import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ArtifactError } from '../../../src/api/artifacts/artifact-error';
import type { ArtifactPlace } from '../../../src/api/artifacts/artifacts-of-org';
import { artifactsOf } from '../../../src/api/artifacts/artifacts-of-org';
import { readArtifact } from '../../../src/api/artifacts/read-artifact';
import type { ArtifactReference } from '../../../src/domain/definition';
import { artifactBytesMax } from '../../../src/domain/limits';
import { sha256Hex } from '../../../src/hash';

let root: string;
let directory: string;

beforeAll(() => {
  root = mkdtempSync(path.join(realpathSync(tmpdir()), 'berth-artifacts-'));
  directory = path.join(root, 'artifacts');
  mkdirSync(path.join(directory, 'labs'), { recursive: true });
  mkdirSync(path.join(root, 'artifacts-beside'));
  writeFileSync(path.join(directory, 'labs/my notes.txt'), '\uFEFFhello ${PORT_A}\r\n');
  writeFileSync(path.join(directory, '..notes'), 'dots');
  writeFileSync(path.join(directory, 'largest'), Buffer.alloc(artifactBytesMax, 'x'));
  writeFileSync(path.join(directory, 'too-large'), Buffer.alloc(artifactBytesMax + 1, 'x'));
  writeFileSync(path.join(directory, 'latin1'), Buffer.from([0x68, 0xfc]));
  writeFileSync(path.join(root, 'secret'), 'secret');
  writeFileSync(path.join(root, 'artifacts-beside/secret'), 'secret');
  symlinkSync('../secret', path.join(directory, 'link-outside'));
  symlinkSync(root, path.join(directory, 'directory-outside'));
  symlinkSync('labs', path.join(directory, 'link-inside'));
  symlinkSync('/nowhere', path.join(directory, 'dangling'));
  symlinkSync('loop', path.join(directory, 'loop'));
  execFileSync('mkfifo', [path.join(directory, 'pipe')]);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function reference(uri: string, more: Partial<ArtifactReference> = {}): ArtifactReference {
  return { uri, format: 'text', path: 'copy', ...more };
}

async function refusalOf(wanted: ArtifactReference, from: ArtifactPlace = { directory }): Promise<ArtifactError> {
  const error: unknown = await readArtifact(wanted, from).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ArtifactError) return error;
  throw new Error(`${wanted.uri} was not refused as it should be`, { cause: error });
}

it('reads a file with its hash, byte for byte', async () => {
  const { text, facts } = await readArtifact(reference('file:labs/my%20notes.txt'), { directory });
  expect(text).toBe('\uFEFFhello ${PORT_A}\r\n');
  expect(facts).toEqual({ sha256: sha256Hex(text), bytes: Buffer.byteLength(text), nodeCount: 0, ports: [] });
});

it('takes the hash that the author gave, and refuses another file', async () => {
  const sha256 = sha256Hex('dots');
  const { facts } = await readArtifact(reference('file:..notes', { sha256 }), { directory });
  expect(facts.sha256).toBe(sha256);
  const refusal = await refusalOf(reference('file:..notes', { sha256: sha256Hex('other') }));
  expect(refusal.code).toBe('artifact_hash_mismatch');
  expect(refusal.message).toContain(sha256);
});

it('follows a symbolic link that stays inside', async () => {
  await expect(readArtifact(reference('file:link-inside/my%20notes.txt'), { directory })).resolves.toBeDefined();
});

it('takes the largest file that is allowed', async () => {
  const { facts } = await readArtifact(reference('file:largest'), { directory });
  expect(facts.bytes).toBe(artifactBytesMax);
});

it('may be given a directory that is a symbolic link', async () => {
  symlinkSync('artifacts', path.join(root, 'alias'));
  await expect(readArtifact(reference('file:..notes'), { directory: path.join(root, 'alias') })).resolves.toBeDefined();
});

it.each([
  ['file:../secret', 'artifact_outside'],
  ['file:../not-there', 'artifact_outside'],
  ['file:labs/../../secret', 'artifact_outside'],
  ['file:%2e%2e%2fsecret', 'artifact_outside'],
  ['file:../artifacts-beside/secret', 'artifact_outside'],
  ['file:/etc/passwd', 'artifact_outside'],
  ['file:///etc/passwd', 'artifact_outside'],
  ['file:%2Fetc%2Fpasswd', 'artifact_outside'],
  ['file:', 'artifact_outside'],
  ['file:.', 'artifact_outside'],
  ['file:..', 'artifact_outside'],
  ['https://example.org/lab.yaml', 'artifact_outside'],
  ['labs/campus.yaml', 'artifact_outside'],
  ['file:link-outside', 'artifact_outside'],
  ['file:directory-outside/secret', 'artifact_outside'],
  ['file:directory-outside/artifacts-beside/secret', 'artifact_outside'],
  ['file:dangling', 'artifact_not_found'],
  ['file:loop', 'artifact_not_found'],
  ['file:labs/none.yaml', 'artifact_not_found'],
  ['file:..notes/none', 'artifact_not_found'],
  ['file:nul%00', 'artifact_not_found'],
  ['file:%zz', 'artifact_invalid'],
  ['file:labs', 'artifact_invalid'],
  ['file:pipe', 'artifact_invalid'],
  ['file:latin1', 'artifact_invalid'],
  ['file:too-large', 'artifact_too_large'],
])('%s is refused as %s', async (uri, code) => {
  const refusal = await refusalOf(reference(uri));
  expect([refusal.code, refusal.message]).toEqual([code, expect.stringContaining(uri)]);
  expect(refusal.message).not.toContain(root);
});

it('is not found where the directory itself is not there, with the cause', async () => {
  const refusal = await refusalOf(reference('file:..notes'), { directory: path.join(root, 'none') });
  expect(refusal.code).toBe('artifact_not_found');
  expect(refusal.cause).toMatchObject({ code: 'ENOENT' });
});

it('refuses an absolute path even inside the directory', async () => {
  expect((await refusalOf(reference(`file:${directory}/..notes`))).code).toBe('artifact_outside');
});

it('says what is wrong with a topology', async () => {
  writeFileSync(path.join(directory, 'junk.yaml'), 'lab: { version: 0.3.0 }\nnodes: 5\nlinks: []\n');
  const refusal = await refusalOf(reference('file:junk.yaml', { format: 'cml' }));
  expect(refusal.code).toBe('artifact_invalid');
  expect(refusal.message).toContain('nodes: expected a list of nodes, found 5');
  expect(refusal.cause).toMatchObject({ code: 'invalid_document', problems: [{ path: 'nodes' }] });
});

it('reads of each org what is its own, by whatever way', async () => {
  const own = path.join(directory, 'orgs', 'o-1');
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'notes'), 'of o-1');
  symlinkSync('orgs/o-1', path.join(directory, 'link-to-org'));
  symlinkSync('../../labs', path.join(own, 'link-to-default'));
  const of = (org: string) => artifactsOf(org, directory);
  expect((await readArtifact(reference('file:notes'), of('o-1'))).text).toBe('of o-1');
  for (const uri of ['file:orgs/o-1/notes', 'file:link-to-org/notes', 'file:orgs', 'file:orgs/o-1/missing']) expect([uri, (await refusalOf(reference(uri), of('default'))).code]).toEqual([uri, 'artifact_outside']);
  for (const uri of ['file:../../labs/my%20notes.txt', 'file:link-to-default/my%20notes.txt', 'file:../o-2/notes']) expect([uri, (await refusalOf(reference(uri), of('o-1'))).code]).toEqual([uri, 'artifact_outside']);
  expect((await refusalOf(reference('file:notes'), of('o-2'))).code).toBe('artifact_not_found');
});
