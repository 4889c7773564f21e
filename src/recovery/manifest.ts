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
const restoresFile = 'restores.json';

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

/**
 * The highest epoch that was ever opened from this copy. Where all is lost once more, nothing else knows of it, and those who
 * had heard of it (agents, readers of the change stream) would take the next one for the same.
 */
export async function highestEpochOpened(directory: string): Promise<number> {
  const text = await readRestores(directory);
  try {
    return Math.max(0, ...(JSON.parse(text) as Array<{ epoch: number }>).map(({ epoch }) => epoch));
  } catch (cause) {
    throw new RecoveryError('copy_damaged', `${join(directory, restoresFile)} is not as Berth writes it; remove it if it is not known what else had been restored from this copy`, cause);
  }
}

/** Remembers with a copy that an epoch is being opened from it. A copy that cannot be written to is restored all the same. */
export async function rememberEpoch(directory: string, epoch: number, openedAt: string, report: (line: string) => void): Promise<void> {
  const path = join(directory, restoresFile);
  const former = JSON.parse(await readRestores(directory)) as unknown[];
  await writeWhole(path, `${JSON.stringify([...former, { epoch, openedAt }], undefined, 2)}\n`).catch((cause: unknown) => {
    report(`${path} cannot be written (${String(cause)}): do not restore this copy into empty stores a second time`);
  });
}

/** Only a file that is not there says that nothing was opened: what cannot be read may name an epoch that must not come twice. */
async function readRestores(directory: string): Promise<string> {
  const path = join(directory, restoresFile);
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '[]';
    throw new RecoveryError('copy_damaged', `${path} cannot be read, and may name epochs that were opened from this copy`, cause);
  });
}
