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

/** The connection of workers; the caller closes it when the last of them has ended. */
export function connectWorkers(options: EngineOptions): Promise<NativeConnection> {
  return NativeConnection.connect({ address: options.address });
}

/** A worker that runs lifecycles and their activities. The caller runs it and shuts it down. */
export function createEngineWorker(
  connection: NativeConnection,
  options: EngineOptions,
  activities: LifecycleActivities & MaintenanceActivities,
  buildId: string,
): Promise<Worker> {
  return Worker.create({
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
    // Far longer than an activity may take: a worker that is ended by force ends the process.
    shutdownForceTime: '60s',
  });
}
