import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Epochs } from '../domain/epochs';
import { bodyCollections } from '../stores/etcd/body-guard';
import type { EtcdClient } from '../stores/etcd/client';
import { readEpochs } from '../stores/etcd/epoch';
import { saveSnapshot } from '../stores/etcd/snapshot';
import type { MongoConnection } from '../stores/mongo/connection';
import { collectionNames, indexesOf, linesOf } from '../stores/mongo/copy';
import { describeFile, isEmptyDirectory, syncDirectory, writeLines } from './copy-files';
import { RecoveryError } from './errors';
import type { CollectionCopy, Manifest } from './manifest';
import { collectionFile, etcdFile, manifestSchemaVersion, writeManifest } from './manifest';

/** What to copy, and where to. */
export interface BackupOptions {
  /** A directory that is missing or empty. */
  readonly to: string;
  readonly etcd: EtcdClient;
  readonly mongo: MongoConnection;
  /** Looks into a snapshot of etcd. */
  readonly revisionOf: (snapshotFile: string) => Promise<string>;
  readonly berthVersion: string;
  readonly nowMs: () => number;
  readonly report: (line: string) => void;
}

/**
 * Copies both stores while they are in use. etcd first: whatever the copy of etcd refers to (bodies, what left the outbox
 * for the record) was in MongoDB before, so it is in the copy of MongoDB, too: events stay for ever, and bodies for a
 * while after nobody names them any more, so these are copied first. What MongoDB has beyond that is recognised by its
 * revision, and set apart when the copy is restored.
 */
export async function backUp(options: BackupOptions): Promise<Manifest> {
  const { to } = options;
  if (!(await isEmptyDirectory(to))) throw new RecoveryError('target_not_empty', `${to} is not empty; a copy is written to a directory of its own`);
  const epochs = await requireEpochs(options.etcd);
  await mkdir(to, { recursive: true, mode: 0o700 });
  try {
    return await copyInto(to, epochs, options);
  } catch (error) {
    // Half a copy helps nobody, and would stand in the way of the next one.
    await rm(join(to, etcdFile), { force: true });
    await rm(join(to, 'mongodb'), { recursive: true, force: true });
    throw error;
  }
}

async function copyInto(to: string, epochs: Epochs, options: BackupOptions): Promise<Manifest> {
  const { etcd, mongo, report } = options;
  const time = new Date(options.nowMs()).toISOString();
  await saveSnapshot(etcd, join(to, etcdFile));
  const snapshot = { ...(await describeFile(to, etcdFile)), revision: await options.revisionOf(join(to, etcdFile)) };
  report(`etcd at revision ${snapshot.revision}: ${snapshot.bytes} bytes`);

  const collections: CollectionCopy[] = [];
  for (const name of bodiesFirst(await collectionNames(mongo))) collections.push(await copyCollection(to, name, options));
  await mkdir(join(to, 'mongodb'), { recursive: true });
  await syncDirectory(join(to, 'mongodb'));

  const manifest: Manifest = { schemaVersion: manifestSchemaVersion, berthVersion: options.berthVersion, time, prefix: etcd.prefix, epochs, etcd: snapshot, collections };
  await writeManifest(to, manifest);
  return manifest;
}

function bodiesFirst(names: readonly string[]): readonly string[] {
  const bodies: readonly string[] = bodyCollections;
  return [...names.filter((name) => bodies.includes(name)), ...names.filter((name) => !bodies.includes(name))];
}

async function copyCollection(to: string, name: string, { mongo, report }: BackupOptions): Promise<CollectionCopy> {
  const file = collectionFile(name);
  const indexes = await indexesOf(mongo, name);
  const documents = await writeLines(join(to, file), linesOf(mongo, name));
  report(`${name}: ${documents} documents`);
  return { name, documents, indexes, ...(await describeFile(to, file)) };
}

async function requireEpochs(etcd: EtcdClient): Promise<Epochs> {
  const epochs = await readEpochs(etcd);
  if (epochs === undefined) throw new RecoveryError('wrong_store', `etcd holds nothing of Berth below ${etcd.prefix}; is BERTH_ETCD_PREFIX right?`);
  return epochs;
}
