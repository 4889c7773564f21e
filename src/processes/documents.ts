import type { Logger } from 'pino';
import type { Breaker } from '../breaker';
import type { DefinitionBody } from '../domain/definition';
import type { Workload } from '../domain/workload';
import { AuditEvents } from '../stores/mongo/audit-events';
import { AuditRefusals } from '../stores/mongo/audit-refusals';
import type { Bodies } from '../stores/mongo/bodies';
import { artifactBodies, definitionBodies, workloadBodies } from '../stores/mongo/bodies';
import { connectMongo } from '../stores/mongo/connection';
import { BodyCopies } from '../stores/mongo/body-copies';
import { DatabaseNewerError } from '../stores/mongo/errors';
import { migrate } from '../stores/mongo/migrate';
import type { OneAtATime } from '../stores/mongo/migrate';
import { Reports } from '../stores/mongo/reports';
import { RetiredObjects } from '../stores/mongo/retired-objects';
import { Snapshots } from '../stores/mongo/snapshots';
import { WorkflowRuns } from '../stores/mongo/workflow-runs';
import type { Telemetry } from '../telemetry';
import { UnnamedBodies } from '../stores/mongo/unnamed-bodies';
import type { BodyCollection } from '../stores/etcd/body-guard';
import { mongoGranted } from '../stores/mongo/granted-rights';
import type { MongoIdentity } from '../stores/mongo/rights';
import type { Settings } from './environment';
import { RightsMissingError } from './etcd-rights';
import { checkMongoRights } from './mongo-rights';

/** What MongoDB holds: immutable bodies, and the permanent record. */
export interface Documents {
  readonly definitions: Bodies<DefinitionBody>;
  readonly artifacts: Bodies<string>;
  readonly workloads: Bodies<Workload>;
  readonly auditEvents: AuditEvents;
  readonly auditRefusals: AuditRefusals;
  readonly snapshots: Snapshots;
  readonly workflowRuns: WorkflowRuns;
  readonly reports: Reports;
  readonly breaker: Breaker;
  readonly retired: RetiredObjects;
  /** The bodies above, as they are swept. */
  readonly copies: Readonly<Record<BodyCollection, BodyCopies>>;
  readonly unnamed: UnnamedBodies;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects to MongoDB, and brings its database to where this program knows it. Rejects when MongoDB does not answer, and
 * when a newer program has been at the database.
 */
export async function openDocuments(settings: Pick<Settings, 'mongodbUri' | 'mongodbDatabase'>, telemetry: Telemetry, oneAtATime: OneAtATime, who?: { readonly identity: MongoIdentity; readonly log: Logger }): Promise<Documents> {
  const connection = connectMongo({ uri: settings.mongodbUri, database: settings.mongodbDatabase, appName: 'berth', telemetry });
  const prepare = async () => {
    if (who) checkMongoRights(await mongoGranted(connection, settings.mongodbDatabase), who.identity, who.log);
    await migrate(connection, oneAtATime);
  };
  await prepare().catch(async (cause: unknown) => {
    await connection.close();
    if (cause instanceof DatabaseNewerError || cause instanceof RightsMissingError) throw cause;
    const { host } = new URL(settings.mongodbUri);
    throw new Error(`MongoDB at ${host} cannot be used; is it running, and is BERTH_MONGODB_URI right?`, { cause });
  });
  return {
    definitions: definitionBodies(connection),
    artifacts: artifactBodies(connection),
    workloads: workloadBodies(connection),
    auditEvents: new AuditEvents(connection),
    auditRefusals: new AuditRefusals(connection),
    snapshots: new Snapshots(connection),
    workflowRuns: new WorkflowRuns(connection),
    reports: new Reports(connection),
    breaker: connection.breaker,
    retired: new RetiredObjects(connection),
    copies: {
      lablet_definitions: new BodyCopies(connection, 'lablet_definitions'),
      artifacts: new BodyCopies(connection, 'artifacts'),
      workloads: new BodyCopies(connection, 'workloads'),
    },
    unnamed: new UnnamedBodies(connection),
    ping: () => connection.ping(),
    close: () => connection.close(),
  };
}
