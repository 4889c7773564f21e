import { createRunDirectory } from '../../../src/processes/embedded/run-directory';
import { startServers } from '../../../src/processes/embedded/servers';
import { print } from './support';

/** Starts the servers in a run's directory of its own below the given one, and waits to be killed. */
async function main(): Promise<void> {
  const { path } = await createRunDirectory('owner', print, process.argv[2]);
  await startServers({ directory: path, report: print, unsafeNoFsync: true });
  print(`ready ${path}`);
  setInterval(() => undefined, 1_000);
}

void main();
