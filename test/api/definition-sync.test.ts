import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefinitionView } from '../../src/api/definitions/api-schemas';
import { parseDefinition } from '../../src/api/definitions/document';
import { admitDefinition } from '../../src/domain/definition-admission';
import { sha256Hex } from '../../src/hash';
import { createDecision } from '../../src/stores/etcd/decisions';
import { keys } from '../../src/stores/etcd/keys';
import type { ProblemBody } from './support/client';
import { definitions, Objects, webDocument } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
});
afterAll(() => api.stop());

const first = 'hello from ${PORT_HTTP}\n';
const second = 'hello again from ${PORT_HTTP}\n';

const write = (name: string, text: string) => writeFileSync(join(api.artifactsDirectory, `${name}.txt`), text);

function documentOf(name: string, artifact: Record<string, unknown> = {}): Record<string, unknown> {
  return webDocument({ name, maxDuration: '1h', artifact: { uri: `file:${name}.txt`, format: 'text', path: 'greeting.txt', ...artifact } });
}

async function made(name: string, artifact?: Record<string, unknown>): Promise<DefinitionView> {
  write(name, first);
  return objects.definition(documentOf(name, artifact));
}

const sync = <Body = ProblemBody>(id: string, headers: Record<string, string> = {}) => api.client.post<Body>(`${definitions}/${id}/sync`, undefined, headers);

test('the same file is nothing new', async () => {
  const definition = await made('same');
  const plain = await objects.definition(webDocument({ name: 'without-artifact' }));
  const before = await api.keys();
  const reply = await sync<DefinitionView>(definition.id);
  expect(reply).toMatchObject({ status: 200, body: { id: definition.id, status: { phase: 'ACTIVE', artifact: { sha256: sha256Hex(first) } } } });
  expect(reply.headers.get('berth-revision')).toBe(reply.body.revision);
  expect(await sync(plain.id)).toMatchObject({ status: 200, body: { id: plain.id } });
  expect(await api.keys()).toEqual(before);
});

test.each([
  ['that names no hash', 'changed', {}],
  ['that names the hash it had', 'pinned', { sha256: sha256Hex(first) }],
])('another file leaves a version %s as it is, and is proposed as the next one', async (_what, name, artifact) => {
  const definition = await made(name, artifact);
  await objects.definition({ ...webDocument({ name }), version: '1.0.1' });
  write(name, second);
  const before = await api.keys();
  const { status, body } = await sync<ProblemBody & { proposal: Record<string, unknown> }>(definition.id);
  expect(status).toBe(409);
  expect(body).toMatchObject({ code: 'artifact_changed', knownSha256: sha256Hex(first), foundSha256: sha256Hex(second), proposal: { name, version: '1.0.2', maxDuration: '1h' } });
  expect(await api.keys()).toEqual(before);

  const next = await objects.definition(body.proposal);
  expect(next).toMatchObject({ spec: { name, version: '1.0.2' }, status: { phase: 'ACTIVE', artifact: { sha256: sha256Hex(second) } } });
  const { version: _version, artifact: _artifact, ...document } = next.document!;
  expect(definition.document).toMatchObject(document);
  expect(await sync(next.id)).toMatchObject({ status: 200 });
  // What was there still means what it meant.
  await expect(api.dependencies.artifactBodies.get(sha256Hex(first))).resolves.toBe(first);
});

test('a file that cannot be used is a problem of its own', async () => {
  const definition = await made('lost');
  write('lost', 'hello from ${PORT_NOBODY_HAS}\n');
  expect(await sync(definition.id)).toMatchObject({ status: 422, body: { code: 'artifact_invalid' } });
  rmSync(join(api.artifactsDirectory, 'lost.txt'));
  expect(await sync(definition.id)).toMatchObject({ status: 422, body: { code: 'artifact_not_found', errors: [{ path: 'artifact.uri' }] } });
});

test('a definition that waits for its artifact still is ACTIVE after it', async () => {
  write('waiting', first);
  const body = parseDefinition(documentOf('waiting'));
  const contentHash = await api.dependencies.definitionBodies.put(body);
  const { spec, status } = admitDefinition(body, contentHash, { nowMs: Date.now(), mintedId: 'd-waiting', owner: { org: 'default', project: 'default' }, cause: { actor: 'user:local' } });
  const claims = [keys.definitionName('default', body.name, body.version)];
  await api.dependencies.committer.commit(createDecision({ header: spec, puts: { spec, state: status }, claims, eventType: 'berth.definition.created' }));
  const reply = await sync<DefinitionView>('d-waiting');
  expect(reply).toMatchObject({ status: 200, body: { status: { phase: 'ACTIVE', artifact: { sha256: sha256Hex(first) } } } });
  expect(reply.headers.get('berth-revision')).toBe(String((await api.dependencies.fresh.definition('d-waiting')).status.revision));
  await expect(api.dependencies.artifactBodies.get(sha256Hex(first))).resolves.toBe(first);
});

test('what is not there, is deleted or was changed is refused', async () => {
  expect(await sync('d-none')).toMatchObject({ status: 404, body: { code: 'definition_not_found' } });
  const { id } = await made('deleted');
  expect(await sync(id, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
  await api.client.post(`${definitions}/${id}/deprecate`);
  expect(await sync(id)).toMatchObject({ status: 200, body: { status: { phase: 'DEPRECATED' } } });
  await api.client.delete(`${definitions}/${id}`);
  expect(await sync(id)).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
});
