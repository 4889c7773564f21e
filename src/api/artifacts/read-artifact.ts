import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ArtifactFacts, ArtifactReference } from '../../domain/definition';
import { artifactBytesMax } from '../../domain/limits';
import { sha256Hex } from '../../hash';
import { ArtifactError } from './artifact-error';
import type { ArtifactPlace } from './artifacts-of-org';
import { readTopology } from './cml-topology';

/** An artifact's text and what was learnt from it. */
export interface Artifact {
  readonly text: string;
  readonly facts: ArtifactFacts;
}

/**
 * Reads the file that a definition refers to, checks it against the hash that the author gave, and derives what its
 * format tells. Throws `ArtifactError`.
 */
export async function readArtifact(reference: ArtifactReference, place: ArtifactPlace): Promise<Artifact> {
  const file = await locate(reference.uri, place);
  const content = await readBounded(reference.uri, file);
  const sha256 = sha256Hex(content);
  if (reference.sha256 !== undefined && reference.sha256 !== sha256) {
    const message = `${reference.uri} has the SHA-256 ${sha256}, while the definition asks for ${reference.sha256}`;
    throw new ArtifactError('artifact_hash_mismatch', message);
  }
  const text = decode(reference.uri, content);
  return { text, facts: { sha256, bytes: content.byteLength, ...factsOf(reference, text) } };
}

/** Where the file is; refuses whatever leaves the directory, by its name or by a symbolic link. */
async function locate(uri: string, { directory, except }: ArtifactPlace): Promise<string> {
  const relative = relativePath(uri);
  const wanted = path.resolve(directory, relative);
  // Before the file system is asked: whether something is outside must not depend on whether it is there.
  if (path.isAbsolute(relative) || !isWithin(path.resolve(directory), wanted, except && path.resolve(except))) throw outside(uri);
  const [inside, file] = await Promise.all([resolved(uri, directory), resolved(uri, wanted)]);
  // By then nothing of the way is a link: what is excepted is where it was, or is not there.
  if (!isWithin(inside, file, except && path.join(inside, path.relative(directory, except)))) throw outside(uri);
  return file;
}

function isWithin(directory: string, file: string, except: string | undefined): boolean {
  return isInside(directory, file) && !(except !== undefined && (file === except || isInside(except, file)));
}

function relativePath(uri: string): string {
  if (!uri.startsWith('file:')) throw new ArtifactError('artifact_outside', `${uri} is not a file: URI`);
  try {
    return decodeURIComponent(uri.slice('file:'.length));
  } catch (cause) {
    throw new ArtifactError('artifact_invalid', `${uri} is not a well-formed URI`, { cause });
  }
}

function isInside(directory: string, file: string): boolean {
  const relative = path.relative(directory, file);
  return relative !== '' && relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative);
}

function outside(uri: string): ArtifactError {
  return new ArtifactError('artifact_outside', `${uri} is not inside the artifacts directory`);
}

async function resolved(uri: string, wanted: string): Promise<string> {
  try {
    return await realpath(wanted);
  } catch (cause) {
    throw new ArtifactError('artifact_not_found', `${uri} is not there`, { cause });
  }
}

/** Reads one byte beyond the bound at most, whatever the file's size says or becomes. */
async function readBounded(uri: string, file: string): Promise<Uint8Array> {
  try {
    // Opening a named pipe would wait for its other end.
    if (!(await stat(file)).isFile()) throw new ArtifactError('artifact_invalid', `${uri} is not a regular file`);
    // `end` is inclusive.
    const content = await buffer(createReadStream(file, { end: artifactBytesMax }));
    if (content.byteLength <= artifactBytesMax) return content;
    throw new ArtifactError('artifact_too_large', `${uri} has more than ${artifactBytesMax} bytes`);
  } catch (cause) {
    if (cause instanceof ArtifactError) throw cause;
    throw new ArtifactError('artifact_not_found', `${uri} cannot be read`, { cause });
  }
}

/** Strict, and with a leading byte order mark kept, so that what is rendered is the file byte for byte. */
function decode(uri: string, content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new ArtifactError('artifact_invalid', `${uri} is not text in UTF-8`, { cause });
  }
}

function factsOf({ uri, format }: ArtifactReference, text: string): Pick<ArtifactFacts, 'nodeCount' | 'ports'> {
  if (format === 'text') return { nodeCount: 0, ports: [] };
  try {
    return readTopology(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ArtifactError('artifact_invalid', `${uri} is not a Cisco Modeling Labs topology: ${reason}`, { cause });
  }
}
