import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Epochs } from '../domain/epochs';
import type { IndexCopy } from '../stores/mongo/copy';
import type { CopiedFile } from './copy-files';
import { verifyFile, writeWhole } from './copy-files';
import { RecoveryError } from './errors';

/** One collection of MongoDB in a copy: a document a line, as canonical extended JSON. */
export interface CollectionCopy extends CopiedFile {
  readonly name: string;
  readonly documents: number;
  readonly indexes: readonly IndexCopy[];
}

/** What a copy of the two stores holds. It is written last: a directory without it is no copy. */
export interface Manifest {
  readonly schemaVersion: number;
  readonly berthVersion: string;
  /** ISO 8601; what was committed by then is in the copy. */
  readonly time: string;
  /** Of all keys in etcd. */
  readonly prefix: string;
  readonly epochs: Epochs;
  /** The snapshot of etcd, and its revision (decimal string). */
  readonly etcd: CopiedFile & { readonly revision: string };
  readonly collections: readonly CollectionCopy[];
}

export const manifestSchemaVersion = 1;
export const etcdFile = 'etcd.snapshot';
const manifestFile = 'manifest.json';

/** Where the documents of a collection are, below the directory of the copy. */
export function collectionFile(name: string): string {
  if (!/^\w[\w.-]*$/.test(name)) throw new RecoveryError('wrong_store', `the collection ${JSON.stringify(name)} is none of Berth's; give Berth a database of its own`);
  return join('mongodb', `${name}.ndjson`);
}

export function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  return writeWhole(join(directory, manifestFile), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** Reads what a copy holds, and checks every file of it. Refuses what is not whole. */
export async function readVerified(directory: string): Promise<Manifest> {
  const manifest = await readManifest(directory);
  for (const file of [manifest.etcd, ...manifest.collections]) await verifyFile(directory, file);
  return manifest;
}

async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestFile);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new RecoveryError('no_copy', `${directory} holds no finished copy: ${path} cannot be read`, cause);
  });
  const manifest = parse(path, text);
  const { schemaVersion } = manifest;
  if (typeof schemaVersion === 'number' && schemaVersion > manifestSchemaVersion) {
    throw new RecoveryError('newer_version', `${path} has schema version ${schemaVersion}, this program understands up to ${manifestSchemaVersion}; restore it with a newer Berth`);
  }
  if (!isManifest(manifest)) throw new RecoveryError('copy_damaged', `${path} is not as Berth writes it`);
  return manifest;
}

function parse(path: string, text: string): Partial<Manifest> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Manifest>;
  } catch (cause) {
    throw new RecoveryError('copy_damaged', `${path} is not JSON`, cause);
  }
}

/** Names of files are not taken from it: each follows from what it is the file of. */
function isManifest(manifest: Partial<Manifest>): manifest is Manifest {
  const { schemaVersion, time, prefix, epochs, etcd, collections } = manifest;
  return (
    schemaVersion === manifestSchemaVersion &&
    typeof time === 'string' &&
    typeof prefix === 'string' &&
    typeof epochs?.epoch === 'number' &&
    Array.isArray(epochs.history) &&
    etcd?.file === etcdFile &&
    /^\d{1,16}$/.test(etcd.revision) &&
    Array.isArray(collections) &&
    collections.every(({ name, file, indexes }: CollectionCopy) => file === collectionFile(name) && Array.isArray(indexes))
  );
}
