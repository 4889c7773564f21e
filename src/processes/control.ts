import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { LocalProvider } from '../drivers/providers/local';
import type { Provider } from '../drivers/providers/provider';
import { installRuntime } from '../engine/worker';
import { startControlPlane } from './control-plane';
import { openDocuments } from './documents';
import type { Settings } from './environment';
import { berthVersion, readSettings } from './environment';
import { createLog } from './log';
import { Metrics } from './metrics';
import { serveMetrics } from './metrics-listener';
import { requireOneHistory } from './one-history';
import type { Running } from './run';
import { runProcess } from './run';
import { migrationLock, openLiveStores } from './stores';

/** Entry of a control process: drives lifecycles. As many as wanted run side by side. */
async function start(settings: Settings, log: Logger): Promise<Running> {
  installRuntime(log);
  const metrics = new Metrics(log);
  const stopMetrics = settings.metricsPort === undefined ? undefined : await serveMetrics(metrics, settings.metricsPort);
  const live = await openLiveStores(settings, log, metrics, 'control');
  const documents = await openDocuments(settings, metrics, migrationLock(live.leases), { identity: 'control', log });
  await requireOneHistory(live, documents.auditEvents);
  const running = await startControlPlane({
    live,
    documents,
    settings,
    engine: { address: settings.temporalAddress, namespace: settings.temporalNamespace, taskQueue: settings.temporalTaskQueue },
    providers: providersOf(settings),
    buildId: berthVersion(),
    telemetry: metrics,
    log,
  });
  return {
    ...running,
    ended: Promise.race([live.epochEnded, ...(running.ended ? [running.ended] : [])]),
    stop: async () => {
      await running.stop();
      await documents.close();
      live.close();
      await stopMetrics?.();
    },
  };
}

function providersOf(settings: Settings): ReadonlyMap<string, Provider> {
  const { localWorkersDirectory, apiUrl } = settings;
  if (localWorkersDirectory === undefined) return new Map();
  const local = new LocalProvider({ root: resolve(localWorkersDirectory), apiUrl, agentEntry: join(__dirname, 'agent.js'), address: '127.0.0.1' });
  return new Map([[local.name, local]]);
}

const log = createLog('control', process.env['BERTH_LOG_LEVEL']);
runProcess('control', log, () => start(readSettings(process.env), log));
