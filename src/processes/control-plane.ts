import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { createActivities } from '../activities';
import { systemClock } from '../activities/clock';
import { Fleet } from '../activities/fleet';
import { InstanceLifecycle } from '../activities/instance-lifecycle';
import { LedgerAudit } from '../activities/ledger-audit';
import { BodySweep } from '../activities/body-sweep';
import { Placement } from '../activities/placement';
import { RequestRetry } from '../activities/request-retry';
import { Retirement } from '../activities/retirement';
import { RunMirror } from '../activities/run-mirror';
import { SnapshotRetention } from '../activities/snapshot-retention';
import { WorkerLifecycle } from '../activities/worker-lifecycle';
import { Workloads } from '../activities/workload';
import type { Provider } from '../drivers/providers/provider';
import { openEngine } from '../engine/connection';
import type { EngineCalls, EngineOptions } from '../engine/connection';
import { lifecycleStartsFrom } from '../engine/lifecycle-start';
import { Nudges } from '../engine/nudges';
import { engineMemory, hasLifecycle } from '../engine/schedules';
import { EngineRuns } from '../engine/runs';
import { registerSearchAttributes } from '../engine/search-attributes';
import { workWhileAble } from '../engine/work-while-able';
import { connectWorkers, createEngineWorker } from '../engine/worker';
import { PermanentRecord } from '../leaders/permanent-record';
import { leadProjection } from '../leaders/projector';
import { leadRepair } from '../leaders/repairer';
import { leadScheduling } from '../leaders/scheduler';
import { leadUpkeep, standIn, StoreUpkeep } from '../leaders/store-upkeep';
import { Leadership } from '../stores/etcd/leadership';
import { maintenanceOf } from '../stores/etcd/maintenance';
import type { Telemetry } from '../telemetry';
import type { Documents } from './documents';
import type { EtcdSettings, Settings } from './environment';
import type { Running } from './run';
import type { LiveStores } from './stores';
import { openMembers } from './stores';

export interface ControlPlaneOptions {
  readonly live: LiveStores;
  readonly documents: Documents;
  readonly settings: EtcdSettings & Pick<Settings, 'etcdQuotaBytes' | 'retentionMs' | 'snapshotRetentionMs'>;
  readonly engine: EngineOptions;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly buildId: string;
  readonly telemetry: Telemetry;
  readonly log: Logger;
}

/** Wires what drives lifecycles: the engine's worker with the activities, and the leaders. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Running> {
  const { live, engine, log } = options;
  const temporal = openEngine(engine, options.telemetry);
  await registerSearchAttributes(temporal.connection, engine.namespace);

  const onProblem = (problem: string, cause?: unknown) => log.warn({ err: cause }, problem);
  const nudges = new Nudges({ engine: temporal, taskQueue: engine.taskQueue, startOf: lifecycleStartsFrom(live.cached), onProblem });
  const nudge = nudges.nudge.bind(nudges);
  const fleet = new Fleet(live.cached);
  const placement = new Placement({ ...live, fleet, clock: systemClock, log });
  const activities = wireActivities(options, placement, nudge, temporal);
  const native = await connectWorkers(engine);
  const create = () => createEngineWorker(native, engine, activities, options.buildId);
  const worker = await create();

  const { auditEvents, snapshots } = options.documents;
  const projection = { ...live, record: new PermanentRecord(auditEvents, snapshots, onProblem), onProblem };
  const { upkeep, close: closeUpkeep } = openUpkeep(live, options.settings, log);
  const holder = `${hostname()}/${process.pid}`;
  const leaders = [
    new Leadership(live.leases, 'scheduler', holder, (term) => leadScheduling({ ...live, fleet, placement, nudge, onProblem }, term), onProblem),
    new Leadership(
      live.leases,
      'controller',
      holder,
      async (term) => {
        await Promise.all([
          leadProjection(projection, term),
          ...(upkeep ? [leadUpkeep(upkeep, onProblem, term)] : []),
          leadRepair({ cached: live.cached, nudge, engine: engineMemory(temporal, nudges, engine), onProblem }, term),
        ]);
      },
      onProblem,
      { whileFull: (vacancy) => standIn(projection, upkeep, vacancy) },
    ),
  ];
  const stopping = new AbortController();
  const ended = workWhileAble(worker, { create, check: () => live.client.revision(), onProblem }, stopping.signal);
  for (const leader of leaders) leader.start();
  log.info({ taskQueue: engine.taskQueue }, 'control runs lifecycles');
  return {
    ended,
    stop: async () => {
      await Promise.all(leaders.map((leader) => leader.stop()));
      closeUpkeep();
      stopping.abort();
      await ended;
      await native.close();
      await temporal.close();
    },
  };
}

/** What keeps room in etcd, with a connection to each member, since each has pages of its own. */
function openUpkeep({ mayMaintain }: LiveStores, settings: ControlPlaneOptions['settings'], log: Logger): { upkeep: StoreUpkeep | undefined; close: () => void } {
  if (!mayMaintain) {
    log.warn('nobody of Berth keeps room in etcd, which wants its role root for that: set BERTH_ETCD_MAINTENANCE_USERNAME and BERTH_ETCD_MAINTENANCE_PASSWORD_FILE, or see to compaction, defragmentation and alarms yourself');
    return { upkeep: undefined, close: () => undefined };
  }
  const members = openMembers(settings);
  const upkeep = new StoreUpkeep({ store: maintenanceOf(members)!, quotaBytes: settings.etcdQuotaBytes, onDone: (deed) => log.info(deed) });
  return { upkeep, close: () => members.forEach((member) => member.close()) };
}

function wireActivities(
  { live, documents, providers, settings, log }: ControlPlaneOptions,
  placement: Placement,
  nudge: Nudges['nudge'],
  temporal: EngineCalls,
): ReturnType<typeof createActivities> {
  const clock = systemClock;
  const { retentionMs, snapshotRetentionMs } = settings;
  return createActivities({
    instances: new InstanceLifecycle({
      ...live,
      placement,
      clock,
      log,
      workloads: new Workloads({ ...live, definitions: documents.definitions, artifacts: documents.artifacts, workloads: documents.workloads }),
    }),
    workers: new WorkerLifecycle({ ...live, providers, clock, log }),
    requestRetry: new RequestRetry({ ...live, clock }),
    ledgerAudit: new LedgerAudit({ ...live, reports: documents.reports, hasLifecycle: (object) => hasLifecycle(temporal, object), nudge, clock }),
    retirement: new Retirement({ ...live, retired: documents.retired, reports: documents.reports, retentionMs, clock }),
    bodySweep: new BodySweep({ ...live, ...documents, clock }),
    snapshotRetention: new SnapshotRetention({ ...live, snapshots: documents.snapshots, reports: documents.reports, snapshotRetentionMs, clock }),
    runMirror: new RunMirror({ engine: new EngineRuns(temporal), record: documents.workflowRuns, reports: documents.reports, clock }),
  });
}
