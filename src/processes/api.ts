import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { createApi } from '../api/app';
import { openEngine, withinBound } from '../engine/connection';
import { Nudges } from '../engine/nudges';
import { ObjectRuns } from '../engine/object-runs';
import { EngineRuns } from '../engine/runs';
import { lifecycleStartsFrom } from '../engine/lifecycle-start';
import type { EtcdClient } from '../stores/etcd/client';
import { ApiPresence } from '../stores/etcd/presence';
import { openDocuments } from './documents';
import type { Settings } from './environment';
import { readSettings } from './environment';
import { readTls, renewOnHangup, warnOfPlaintext } from './listening';
import { createLog } from './log';
import { Metrics } from './metrics';
import { requireOneHistory } from './one-history';
import type { Running } from './run';
import { runProcess } from './run';
import { migrationLock, openLiveStores, openMembers } from './stores';

/** Entry of an api process: admits requests. As many as wanted run side by side. */
async function start(settings: Settings, log: Logger): Promise<Running> {
  const { tls } = settings.listening;
  const metrics = new Metrics(log);
  const live = await openLiveStores(settings, log, metrics, 'api');
  const documents = await openDocuments(settings, metrics, migrationLock(live.leases), { identity: 'api', log });
  await requireOneHistory(live, documents.auditEvents);
  const members = live.mayMaintain ? openMembers(settings) : new Map<string, EtcdClient>();
  const engine = openEngine({ address: settings.temporalAddress, namespace: settings.temporalNamespace, taskQueue: settings.temporalTaskQueue }, metrics);
  const nudges = new Nudges({
    engine,
    taskQueue: settings.temporalTaskQueue,
    startOf: lifecycleStartsFrom(live.cached),
    onProblem: (problem, cause) => log.warn({ err: cause }, problem),
  });
  const runs = new ObjectRuns(new EngineRuns(engine), documents.workflowRuns, (problem, cause) => log.warn({ err: cause }, problem));
  const presence = new ApiPresence(live.leases, live.cache, {
    id: randomUUID(),
    holder: `${hostname()}/${process.pid}`,
    onProblem: (problem, cause) => log.warn({ err: cause }, problem),
  });
  const app = await createApi({
    ...live,
    etcd: live.client,
    etcdMembers: members,
    etcdQuotaBytes: settings.etcdQuotaBytes,
    definitionBodies: documents.definitions,
    artifactBodies: documents.artifacts,
    workloads: documents.workloads,
    auditEvents: documents.auditEvents,
    auditMutations: documents.auditEvents,
    auditRefusals: documents.auditRefusals,
    snapshots: documents.snapshots,
    runsOf: runs.of.bind(runs),
    retired: documents.retired,
    nudge: nudges.nudge.bind(nudges),
    artifactsDirectory: resolve(settings.artifactsDirectory),
    dependenciesHealth: [
      { name: 'etcd', breaker: live.client.breaker, check: async () => void (await live.client.revision()) },
      { name: 'mongodb', breaker: documents.breaker, check: () => documents.ping() },
      { name: 'temporal', breaker: engine.breaker, check: async () => void (await withinBound(engine, 'ask', () => engine.connection.workflowService.getSystemInfo({}))) },
    ],
    metrics,
    oidc: settings.oidc,
    refusalsDropped: (count) => metrics.refusalsDropped(count),
    requestBounds: {
      perPrincipal: settings.ratePerPrincipal,
      perOrg: settings.ratePerOrg,
      unauthenticated: settings.rateUnauthenticated,
      openRequestsMax: settings.openRequestsPerPrincipal,
      streamsMax: settings.streamsPerPrincipal,
      servers: () => presence.count,
    },
    log,
  }, tls && readTls(tls));
  // Before it allows anybody anything, so that the others allow the less.
  await presence.start();
  await app.listen(settings.apiPort, settings.apiHost);
  const server = app.getHttpServer() as Server & Pick<SecureServer, 'setSecureContext'>;
  const { port } = server.address() as AddressInfo;
  const stopRenewing = tls && renewOnHangup(server, tls, log);
  const stopWarning = warnOfPlaintext(settings.apiHost, settings.listening, log);
  log.info(`api listens on http${tls ? 's' : ''}://${settings.apiHost}:${port}`);
  return {
    ended: live.epochEnded,
    stop: async () => {
      stopRenewing?.();
      stopWarning();
      await app.close();
      await presence.stop();
      await nudges.settled();
      await engine.close();
      await documents.close();
      members.forEach((member) => member.close());
      live.close();
    },
  };
}

const log = createLog('api', process.env['BERTH_LOG_LEVEL']);
runProcess('api', log, () => start(readSettings(process.env), log));
