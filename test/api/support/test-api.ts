import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import pino from 'pino';
import { createApi } from '../../../src/api/app';
import type { ApiDependencies, DependencyHealth } from '../../../src/api/dependencies';
import type { RequestBounds } from '../../../src/api/limits/request-bounds';
import { Metrics } from '../../../src/processes/metrics';
import { EtcdClient } from '../../../src/stores/etcd/client';
import { Committer } from '../../../src/stores/etcd/committer';
import { openEpoch } from '../../../src/stores/etcd/epoch';
import { Leases } from '../../../src/stores/etcd/lease';
import { CachedObjects, FreshObjects } from '../../../src/stores/etcd/objects';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { AuditEvents } from '../../../src/stores/mongo/audit-events';
import { AuditRefusals } from '../../../src/stores/mongo/audit-refusals';
import { artifactBodies, definitionBodies, workloadBodies } from '../../../src/stores/mongo/bodies';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { alone, migrate } from '../../../src/stores/mongo/migrate';
import { Snapshots } from '../../../src/stores/mongo/snapshots';
import { RetiredObjects } from '../../../src/stores/mongo/retired-objects';
import { freshDatabase, freshPrefix, testServers } from '../../support/servers';
import { bootstrapToken } from '../../../src/processes/bootstrap';
import { seedAdministrator } from '../../support/administrator';
import { rememberToken } from '../../support/credentials';
import { Client } from './client';

/** What several replicas of the API share: one prefix in etcd, one database. */
export interface World {
  readonly prefix: string;
  readonly database: string;
  readonly etcdEndpoint?: string;
  readonly etcdQuotaBytes?: number;
  readonly health?: readonly DependencyHealth[];
  /** How the administrator gets a token; else it is there from before anything was recorded. */
  readonly bootstrap?: (etcd: EtcdClient) => Promise<string>;
}

export function freshWorld(options: Partial<World> = {}): World {
  return { prefix: `${freshPrefix()}/`, database: freshDatabase(), ...options };
}

/** A world whose log tells of everything in it: of its administrator, too, and of a token for each of its replicas. */
export function toldWorld(): World {
  return freshWorld({ bootstrap: (etcd) => bootstrapToken(etcd, 'of a test') });
}

/** What tests ask is more than anybody may. */
const unlimited: Partial<RequestBounds> = {
  perPrincipal: { perSecond: 1e6, burst: 1e6 },
  perOrg: { perSecond: 1e6, burst: 1e6 },
  perAgent: { perSecond: 1e6, burst: 1e6 },
  unauthenticated: { perSecond: 1e6, burst: 1e6 },
  openRequestsMax: 10_000,
  streamsMax: 10_000,
};

/** One replica of the API on real stores, listening on a free port. Nothing drives lifecycles: tests do. */
export class TestApi {
  readonly client: Client;

  private constructor(
    readonly url: string,
    /** Of the administrator of the platform; `client` carries it. */
    readonly token: string,
    readonly dependencies: ApiDependencies,
    readonly mongo: MongoConnection,
    /** Every nudge, in order. */
    readonly nudges: string[],
    readonly artifactsDirectory: string,
    private readonly app: INestApplication,
  ) {
    this.client = new Client(url);
  }

  /** `change` lets a test put itself between the API and what it depends on. */
  static async start(world: World = freshWorld(), change: (dependencies: ApiDependencies) => ApiDependencies = (same) => same): Promise<TestApi> {
    const servers = testServers();
    const metrics = new Metrics(pino({ level: 'silent' }));
    const etcd = new EtcdClient({ endpoints: [world.etcdEndpoint ?? servers.etcd], prefix: world.prefix, telemetry: metrics });
    const mongo = connectMongo({ uri: servers.mongodb, database: world.database, appName: 'test', telemetry: metrics });
    const epochs = await openEpoch(etcd);
    const cache = new WatchCache(etcd, () => undefined);
    await cache.start();
    metrics.follow(cache);
    const auditEvents = new AuditEvents(mongo);
    await migrate(mongo, alone);
    const nudges: string[] = [];
    const artifactsDirectory = mkdtempSync(join(tmpdir(), 'berth-artifacts-'));
    const dependencies = change({
      etcd,
      etcdMembers: new Map([[world.etcdEndpoint ?? servers.etcd, etcd]]),
      etcdQuotaBytes: world.etcdQuotaBytes ?? 2 * 1024 ** 3,
      epochs,
      committer: new Committer(etcd, () => epochs.epoch),
      fresh: new FreshObjects(etcd),
      cached: new CachedObjects(cache),
      cache,
      leases: new Leases(etcd),
      definitionBodies: definitionBodies(mongo),
      artifactBodies: artifactBodies(mongo),
      workloads: workloadBodies(mongo),
      auditEvents,
      auditMutations: auditEvents,
      auditRefusals: new AuditRefusals(mongo),
      refusalsDropped: (count) => metrics.refusalsDropped(count),
      snapshots: new Snapshots(mongo),
      runsOf: async () => ({ runs: [], complete: true }),
      retired: new RetiredObjects(mongo),
      nudge: (kind, id) => nudges.push(`${kind} ${id}`),
      artifactsDirectory,
      dependenciesHealth: world.health ?? [
        { name: 'etcd', breaker: etcd.breaker, check: async () => void (await etcd.revision()) },
        { name: 'mongodb', breaker: mongo.breaker, check: () => mongo.ping() },
      ],
      metrics,
      requestBounds: unlimited,
      log: pino({ level: process.env['BERTH_TEST_LOG'] ?? 'silent' }),
    });
    const app = await createApi(dependencies);
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    const url = `http://127.0.0.1:${port}`;
    const token = await (world.bootstrap ?? seedAdministrator)(etcd);
    rememberToken(url, token);
    return new TestApi(url, token, dependencies, mongo, nudges, artifactsDirectory, app);
  }

  /** All keys below the prefix with their revisions: what a refusal must leave as it was. When a token was used last is noted whatever was asked. */
  async keys(): Promise<Record<string, number>> {
    const { entries } = await this.dependencies.etcd.list('');
    return Object.fromEntries(entries.filter(({ key }) => !/^tokens\/[^/]+\/used$/.test(key)).map(({ key, revision }) => [key, revision]));
  }

  async stop(): Promise<void> {
    await this.app.close();
    this.dependencies.cache.stop();
    this.dependencies.etcd.close();
    await this.mongo.close();
    rmSync(this.artifactsDirectory, { recursive: true, force: true });
  }
}
