import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { registerSearchAttributes } from '../../../src/engine/search-attributes';
import { testServers } from '../../support/servers';
import { installQuietLog } from './quiet-log';
import { ScriptedEngine } from './scripted-engine';

/** A scripted engine on the Temporal server of this test run. Once per test file. */
export async function startOnDevServer(): Promise<{ engine: ScriptedEngine; stop: () => Promise<void> }> {
  const address = testServers().temporal;
  installQuietLog();
  const connection = await Connection.connect({ address });
  await registerSearchAttributes(connection, 'default');
  const nativeConnection = await NativeConnection.connect({ address });
  const engine = await ScriptedEngine.start({ client: new Client({ connection }), nativeConnection });
  return {
    engine,
    stop: async () => {
      await engine.close();
      await nativeConnection.close();
      await connection.close();
    },
  };
}
