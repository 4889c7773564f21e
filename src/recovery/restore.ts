import { join } from 'node:path';
import type { Epochs } from '../domain/epochs';
import { firstRevisionAfter, nextEpochs, positionOf } from '../domain/epochs';
import { restoreRevisionGapMin } from '../domain/limits';
import type { EtcdAccess } from '../stores/etcd/access';
import { EtcdClient } from '../stores/etcd/client';
import { readEpochs, writeEpochs } from '../stores/etcd/epoch';
import { StoreMaintenance } from '../stores/etcd/maintenance';
import type { MongoConnection } from '../stores/mongo/connection';
import type { SetApart } from '../stores/mongo/lost-history';
import { highestEpochOnRecord, setLostApart } from '../stores/mongo/lost-history';
import { isEmptyDirectory } from './copy-files';
import { RecoveryError } from './errors';
import { loadDatabase, markUnderWay, requireAheadOfCopy, requireEmptyDatabase, unmark } from './load-database';
import type { Manifest } from './manifest';
import { etcdFile, highestEpochOpened, readVerified, rememberEpoch } from './manifest';

/** A snapshot of etcd, and the data directory that is to come of it. */
export interface EtcdRestore {
  readonly snapshotFile: string;
  readonly dataDirectory: string;
  /** How far the revisions are put ahead, past all that were handed out after the snapshot. */
  readonly bumpRevision: number;
}

/** What restores etcd. */
export interface EtcdTools {
  /** Entries of a data directory that an unfinished restore leaves, and the next one clears away. */
  readonly unfinished: readonly string[];
  revisionOf(snapshotFile: string): Promise<string>;
  /**
   * Restores a snapshot and runs it, for nobody but `finish`, which is told its address. The data directory is filled only
   * after that, at once: nobody can start an etcd on it before.
   */
  restore(wanted: EtcdRestore, finish: (url: string) => Promise<void>): Promise<void>;
}

/** What to restore, and where to. */
export interface RestoreOptions {
  /** The directory of a copy. */
  readonly from: string;
  /** Missing or empty. */
  readonly dataDirectory: string;
  readonly prefix: string;
  /** Users come back with the copy: where etcd asked for one, it takes an administrator of then to finish. */
  readonly etcdUser?: EtcdAccess['user'] | undefined;
  readonly mongo: MongoConnection;
  /** MongoDB was not lost: it is ahead of the copy, and stays. */
  readonly keepMongodb: boolean;
  readonly tools: EtcdTools;
  readonly nowMs: () => number;
  readonly report: (line: string) => void;
}

/** What came of a restore. */
export interface Restoration {
  readonly manifest: Manifest;
  readonly epochs: Epochs;
  /** Documents of history that no longer counts, by the collection that they were moved to. */
  readonly lost: SetApart;
}

/**
 * Restores both stores from a copy and opens a new epoch. Everything is checked before anything is changed. The data
 * directory of etcd appears last, with its new epoch in it: no process can write before history is in order. A restore
 * that was cut short is simply repeated.
 */
export async function restore(options: RestoreOptions): Promise<Restoration> {
  const { from, mongo, keepMongodb, tools, report } = options;
  const manifest = await readVerified(from);
  const former = manifest.epochs;
  const openedBefore = await highestEpochOpened(from);
  await check(manifest, options);
  report(`the copy of ${manifest.time} is whole`);

  const lastGoodRevision = manifest.etcd.revision;
  const firstRevision = firstRevisionAfter(Number(lastGoodRevision), options.nowMs(), restoreRevisionGapMin);
  let restored: Restoration | undefined;
  const wanted = { snapshotFile: join(from, etcdFile), dataDirectory: options.dataDirectory, bumpRevision: firstRevision - Number(lastGoodRevision) };
  await tools.restore(wanted, async (url) => {
    const etcd = new EtcdClient({ endpoints: [url], prefix: options.prefix, access: options.etcdUser && { user: options.etcdUser } });
    try {
      await requireRestored(etcd, former, firstRevision);
      if (!keepMongodb) await markUnderWay(manifest, mongo);
      await loadDatabase(from, manifest, mongo, report);
      const highestEpochSeen = Math.max(openedBefore, await highestEpochOnRecord(mongo));
      const epochs = nextEpochs(former, { lastGoodRevision, firstRevision: String(firstRevision), highestEpochSeen });
      await rememberEpoch(from, epochs.epoch, new Date(options.nowMs()).toISOString(), report);
      restored = { manifest, epochs, lost: await finishRestore({ ...options, etcd, epochs }) };
    } finally {
      etcd.close();
    }
  });
  if (restored === undefined) throw new Error('etcd was restored, but its epoch was not opened');
  return restored;
}

async function check(manifest: Manifest, { from, dataDirectory, prefix, mongo, keepMongodb, tools }: RestoreOptions): Promise<void> {
  if (manifest.prefix !== prefix) {
    throw new RecoveryError('wrong_store', `the copy is of what etcd held below ${manifest.prefix}, and BERTH_ETCD_PREFIX names ${prefix}`);
  }
  if (!(await isEmptyDirectory(dataDirectory, tools.unfinished))) {
    throw new RecoveryError('target_not_empty', `${dataDirectory} is not empty; etcd is restored into a new data directory only`);
  }
  const revision = await tools.revisionOf(join(from, etcdFile)).catch((cause: unknown) => {
    throw new RecoveryError('copy_damaged', `${join(from, etcdFile)} is no snapshot of etcd`, cause);
  });
  if (revision !== manifest.etcd.revision) throw new RecoveryError('copy_damaged', `${join(from, etcdFile)} has revision ${revision}, not ${manifest.etcd.revision}`);
  await (keepMongodb ? requireAheadOfCopy(from, manifest, mongo) : requireEmptyDatabase(manifest, mongo));
}

async function requireRestored(etcd: EtcdClient, former: Epochs, firstRevision: number): Promise<void> {
  const revision = await etcd.revision();
  if (revision < firstRevision) throw new Error(`the restored etcd is at revision ${revision}, and should be at ${firstRevision}`);
  const found = await readEpochs(etcd);
  if (found?.epoch !== former.epoch) throw new RecoveryError('copy_damaged', `the snapshot of etcd is of epoch ${found?.epoch ?? 'none'}, its manifest of ${former.epoch}`);
}

/** The last step, in a store that nobody else writes to: sets lost history apart, then opens the epoch. */
async function finishRestore({ etcd, mongo, epochs, keepMongodb, nowMs, report }: RestoreOptions & { readonly etcd: EtcdClient; readonly epochs: Epochs }): Promise<SetApart> {
  const lost = await setLostApart(mongo, (epoch, revision) => positionOf(epochs, epoch, revision) === 'lost');
  for (const [collection, count] of Object.entries(lost)) if (count > 0) report(`${count} documents of lost history were moved to ${collection}`);
  const maintenance = new StoreMaintenance(etcd);
  // A copy that was taken while etcd was full would refuse the epoch. If it is too full still, etcd says so again by itself.
  if ((await maintenance.usage()).noSpace) await maintenance.disarm();
  // From here on the database is taken for one in use: rather refused once too often than filled over what is alive.
  if (!keepMongodb) await unmark(mongo);
  await writeEpochs(etcd, epochs, new Date(nowMs()).toISOString());
  report(`epoch ${epochs.epoch} is open`);
  return lost;
}
