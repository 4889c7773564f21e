import { join } from 'node:path';
import { probeHttp, probeTcp } from './probes';
import { startServer } from './server';
import type { RunningServer, ServerOptions } from './server';

/** Starts the Temporal dev server on a SQLite file, with its web interface if wanted. */
export async function startTemporal(
  options: ServerOptions & { ui?: boolean },
): Promise<RunningServer & { uiAddress?: string }> {
  const { child, ports } = await startServer(
    {
      name: 'temporal',
      ports: options.ui ? 4 : 3,
      args: ([frontend, http, metrics, ui]) => [
        ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
        ...['--port', String(frontend), '--http-port', String(http), '--metrics-port', String(metrics)],
        ...(ui === undefined ? ['--headless'] : ['--ui-port', String(ui)]),
        ...['--db-filename', join(options.directory, 'temporal.db')],
        ...['--sqlite-pragma', 'journal_mode=WAL'],
        ...['--sqlite-pragma', `synchronous=${options.unsafeNoFsync ? 'OFF' : 'NORMAL'}`],
        // Otherwise the server asks the vendor once a day whether there is a newer one.
        ...['--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
        // A person's own profiles and settings for other servers have no say here.
        '--disable-config-file',
        '--disable-config-env',
      ],
      probe: async ([frontend, http, , ui]) => {
        await probeTcp(Number(frontend));
        await probeHttp(`http://127.0.0.1:${http}/api/v1/namespaces/default`);
        if (ui !== undefined) await probeHttp(`http://127.0.0.1:${ui}/`);
      },
    },
    options,
  );
  const [frontend, , , ui] = ports;
  const uiAddress = ui === undefined ? undefined : `http://127.0.0.1:${ui}`;
  return { address: `127.0.0.1:${frontend}`, uiAddress, child };
}
