import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as Temporal, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import { startStack } from '../../src/processes/stack';
import { Client } from '../support/client';
import { rememberToken } from '../support/credentials';
import { installQuietLog } from '../workflows/support/quiet-log';
import type { Recorder } from './lives';
import { liveAll } from './lives';
import { portableHistory } from './portable-history';

/**
 * `npm run record-histories`: lives through everything that test/replay must replay, on real servers and processes,
 * and stores the histories. Lifecycles outlive releases, so a history that no longer replays means that the change of
 * src/workflows breaks runs that are under way (it needs `patched`), not that the history is to be recorded anew.
 */
async function main(): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const histories = join(__dirname, 'histories');
  mkdirSync(histories, { recursive: true });
  installQuietLog();
  const directory = await createRunDirectory('record', say);
  const stack = await startStack({ directory: directory.path, report: say, artifactsDirectory: directory.path, unsafeNoFsync: true });
  const address = stack.servers.temporal;
  const connection = await Connection.connect({ address });
  const nativeConnection = await NativeConnection.connect({ address });
  try {
    const temporal = new Temporal({ connection });
    const store: Recorder['store'] = async (name, workflowId, runId) => {
      const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
      const text = portableHistory(history);
      writeFileSync(join(histories, `${name}.json`), text);
      say(`${name}: ${history.events?.length} events, ${Math.ceil(text.length / 1024)} KiB`);
    };
    rememberToken(stack.apis[0]!, stack.token);
    const recorder: Recorder = { api: new Client(stack.apis[0]!), temporal, nativeConnection, stack, store };
    await liveAll(recorder);
  } finally {
    await nativeConnection.close();
    await connection.close();
    await stack.stop();
    directory.remove();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`recording failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
