import { join } from 'node:path';
import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import type { Stack, StackOptions } from '../../src/processes/stack';
import { startStack } from '../../src/processes/stack';
import { rememberToken } from './credentials';
import { freshDatabase, freshPrefix, freshTaskQueue, testServers } from './servers';
import { withoutLimits } from './without-limits';

/** A stack of real processes on the servers of this test run, with a prefix, database and task queue of its own. */
export interface TestStack extends Stack {
  readonly etcdPrefix: string;
  readonly taskQueue: string;
  end(): Promise<void>;
}

/** Starts api and control processes (compiled, as users run them) for one test file. */
export async function startTestStack(processes: StackOptions['processes'] = {}, environment: NodeJS.ProcessEnv = {}, differences: Pick<StackOptions, 'external' | 'environmentOf'> = {}): Promise<TestStack> {
  const servers = testServers();
  const directory = await createRunDirectory('stack', () => undefined);
  const etcdPrefix = environment['BERTH_ETCD_PREFIX'] ?? freshPrefix();
  const taskQueue = freshTaskQueue();
  const stack = await startStack({
    directory: directory.path,
    report: () => undefined,
    artifactsDirectory: join(__dirname, '../../examples'),
    external: { ...servers, ...differences.external },
    ...(differences.environmentOf && { environmentOf: differences.environmentOf }),
    processes,
    environment: {
      BERTH_ETCD_PREFIX: etcdPrefix,
      BERTH_MONGODB_DATABASE: freshDatabase(),
      BERTH_TEMPORAL_TASK_QUEUE: taskQueue,
      BERTH_LOG_LEVEL: 'debug',
      ...withoutLimits,
      ...environment,
    },
  });
  for (const url of stack.apis) rememberToken(url, stack.token);
  return {
    ...stack,
    etcdPrefix: `${etcdPrefix}/`,
    taskQueue,
    end: async () => {
      await stack.stop();
      directory.remove();
    },
  };
}
