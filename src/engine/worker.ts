import { existsSync } from 'node:fs';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { LogEntry } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { LifecycleActivities, MaintenanceActivities } from '../activities';
import type { EngineOptions } from './connection';

/** Where the build puts the workflow bundle, beside the compiled code. */
export const workflowBundlePath = `${__dirname}/../workflow-bundle.js`;

/** Sends the engine's own log through ours. Once per process, before anything else of the engine. */
export function installRuntime(log: Logger): void {
  const logger = new DefaultLogger('WARN', (entry: LogEntry) => {
    const level = entry.level === 'ERROR' ? 'error' : entry.level === 'WARN' ? 'warn' : 'debug';
    log[level](entry.meta ?? {}, entry.message);
  });
  Runtime.install({ logger, shutdownSignals: [] });
}

/** A worker that runs lifecycles and their activities. The caller runs it, shuts it down, and closes the connection. */
export async function createEngineWorker(
  options: EngineOptions,
  activities: LifecycleActivities & MaintenanceActivities,
  buildId: string,
): Promise<{ worker: Worker; connection: NativeConnection }> {
  const connection = await NativeConnection.connect({ address: options.address });
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    activities: { ...activities },
    buildId,
    // The bundle is made by the build; without one (tests run the sources) it is made now.
    ...(existsSync(workflowBundlePath) ? { workflowBundle: { codePath: workflowBundlePath } } : { workflowsPath: require.resolve('../workflows') }),
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentLocalActivityExecutions: 100,
    maxConcurrentActivityTaskExecutions: 200,
    maxCachedWorkflows: 1_000,
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
  return { worker, connection };
}
