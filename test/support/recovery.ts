import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { etcdTools } from '../../src/processes/embedded/etcd-restore';
import { PermanentRecord } from '../../src/leaders/permanent-record';
import { drainOutbox } from '../../src/leaders/projector';
import { backUp } from '../../src/recovery/backup';
import type { Manifest } from '../../src/recovery/manifest';
import type { Restoration } from '../../src/recovery/restore';
import { restore } from '../../src/recovery/restore';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { Committer } from '../../src/stores/etcd/committer';
import { openEpoch } from '../../src/stores/etcd/epoch';
import { keys } from '../../src/stores/etcd/keys';
import { WatchCache } from '../../src/stores/etcd/watch-cache';
import { alone, migrate } from '../../src/stores/mongo/migrate';
import { AuditEvents } from '../../src/stores/mongo/audit-events';
import type { MongoConnection } from '../../src/stores/mongo/connection';
import { connectMongo } from '../../src/stores/mongo/connection';
import { collectionNames, linesOf } from '../../src/stores/mongo/copy';
import { Snapshots } from '../../src/stores/mongo/snapshots';
import type { OwnEtcdOptions } from './etcd';
import { openClient, OwnEtcd } from './etcd';
import { freshDatabase, testServers } from './servers';

const prefix = '/ccm/';
const silent = () => undefined;

/** The two stores of one Berth: an etcd and a database of its own. */
export class Stores {
  readonly client: EtcdClient;
  readonly events: AuditEvents;
  readonly snapshots: Snapshots;
  /** What the projector complained about. */
  readonly problems: string[] = [];

  private constructor(
    readonly etcd: OwnEtcd,
    readonly mongo: MongoConnection,
    readonly database: string,
  ) {
    this.client = openClient({ url: etcd.url, prefix });
    this.events = new AuditEvents(mongo);
    this.snapshots = new Snapshots(mongo);
  }

  static async open(database = freshDatabase(), options: OwnEtcdOptions = {}): Promise<Stores> {
    const etcd = await OwnEtcd.start(options);
    const stores = new Stores(etcd, openDatabase(database), database);
    await migrate(stores.mongo, alone);
    await openEpoch(stores.client);
    return stores;
  }

  /** What a leading projector does, once. */
  async project(): Promise<void> {
    const onProblem = (problem: string, cause: unknown) => this.problems.push(`${problem}: ${String(cause)}`);
    const cache = new WatchCache(this.client, silent);
    await cache.start();
    const { epoch } = await openEpoch(this.client);
    const record = new PermanentRecord(this.events, this.snapshots, onProblem);
    const fence = { key: keys.leader('controller'), revision: 0 };
    await drainOutbox({ cache, committer: new Committer(this.client, () => epoch), record, onProblem }, { fence, signal: new AbortController().signal });
    cache.stop();
  }

  backUp(to: string): Promise<Manifest> {
    return backUp({ to, etcd: this.client, mongo: this.mongo, revisionOf: (file) => etcdTools(silent).revisionOf(file), berthVersion: 'test', nowMs: Date.now, report: silent });
  }

  /** All keys with their values and revisions, but for the epoch, which a restore changes. */
  async keys(): Promise<Record<string, unknown>> {
    const { entries } = await this.client.list('');
    return Object.fromEntries(entries.filter(({ key }) => key !== keys.epoch).map(({ key, value, revision }) => [key, { value, revision }]));
  }

  documents(): Promise<Record<string, string[]>> {
    return documentsOf(this.mongo);
  }

  /** Neither the etcd nor the connection are of use after that. The database stays. */
  async close(): Promise<void> {
    this.client.close();
    await this.mongo.close();
    await this.etcd.remove();
  }
}

export function openDatabase(database: string): MongoConnection {
  return connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
}

/** Every document of every collection that has any, in no matter what order. */
export async function documentsOf(mongo: MongoConnection): Promise<Record<string, string[]>> {
  const documents: Record<string, string[]> = {};
  for (const name of await collectionNames(mongo)) {
    const lines: string[] = [];
    for await (const line of linesOf(mongo, name)) lines.push(line);
    if (lines.length > 0) documents[name] = lines.sort();
  }
  return documents;
}

/** Restores a copy into the database that is named, and an etcd that then runs. */
export async function restoreStores(from: string, options: { readonly database?: string; readonly keepMongodb?: boolean } = {}): Promise<Stores & { restoration: Restoration }> {
  const { database = freshDatabase(), keepMongodb = false } = options;
  let restoration: Restoration | undefined;
  const prepare = async (dataDirectory: string) => {
    restoration = await tryRestore({ from, dataDirectory, database, keepMongodb });
  };
  const stores = await Stores.open(database, { prepare });
  return Object.assign(stores, { restoration: restoration! });
}

export interface RestoreTry {
  readonly from: string;
  readonly dataDirectory: string;
  readonly database: string;
  readonly keepMongodb?: boolean;
  readonly prefix?: string;
  /** The operation on MongoDB at which it ends, as if it had been killed there. */
  readonly failAt?: string;
}

export async function tryRestore({ database, failAt, ...options }: RestoreTry): Promise<Restoration> {
  const mongo = openDatabase(database);
  const attempt: MongoConnection['attempt'] = (operation, run) => (operation === failAt ? Promise.reject(new Error(`failed at: ${operation}`)) : mongo.attempt(operation, run));
  try {
    return await restore({ prefix, tools: etcdTools(silent), nowMs: Date.now, report: silent, keepMongodb: false, ...options, mongo: { ...mongo, attempt } });
  } finally {
    await mongo.close();
  }
}

/** A directory for copies, and how to remove it. */
export function temporaryDirectory(): { path: (name: string) => string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'berth-copy-'));
  return { path: (name) => join(directory, name), remove: () => rmSync(directory, { recursive: true, force: true }) };
}
