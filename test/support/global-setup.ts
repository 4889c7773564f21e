import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import type { RunDirectory } from '../../src/processes/embedded/run-directory';
import { startServers } from '../../src/processes/embedded/servers';
import type { RunningServers } from '../../src/processes/embedded/servers';
import { testServerVariables } from './servers';

declare global {
  // Set-up and teardown are modules of their own in jest; this is how the one hands over to the other.
  var berthTestRun: { directory: RunDirectory; servers: RunningServers } | undefined;
}

const report = (line: string) => process.stderr.write(`${line}\n`);

/** Node ends on a signal without its exit handlers, which are what ends the servers of an interrupted run. */
function exitOnSignals(): void {
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const [name, number] of Object.entries(numbers)) process.once(name, () => process.exit(128 + number));
}

/** Starts the servers once for all tests of the project, in a directory of their own. */
export default async function setUp(): Promise<void> {
  exitOnSignals();
  const directory = await createRunDirectory('test', report);
  try {
    const servers = await startServers({ directory: directory.path, report, unsafeNoFsync: true });
    globalThis.berthTestRun = { directory, servers };
    for (const name of ['etcd', 'mongodb', 'temporal'] as const) {
      process.env[testServerVariables[name]] = servers[name];
    }
  } catch (error) {
    directory.keep();
    throw error;
  }
}
