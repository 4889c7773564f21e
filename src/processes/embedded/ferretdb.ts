import { mkdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startServer } from './server';
import type { RunningServer, ServerOptions } from './server';

/** Starts FerretDB, which speaks MongoDB's protocol, on a directory of SQLite files. */
export async function startFerretdb(options: ServerOptions): Promise<RunningServer> {
  const data = join(options.directory, 'mongodb');
  mkdirSync(data, { recursive: true });
  const pragma = options.unsafeNoFsync ? '?_pragma=synchronous(off)' : '';
  const { child, ports } = await startServer(
    {
      name: 'ferretdb',
      ports: 1,
      args: ([port]) => [
        `--listen-addr=127.0.0.1:${port}`,
        '--handler=sqlite',
        `--sqlite-url=file:${pathToFileURL(data).pathname}/${pragma}`,
        '--state-dir=-',
        '--debug-addr=-',
        '--telemetry=disable',
      ],
      env: { DO_NOT_TRACK: '1' },
      probe: ([port]) => ping(Number(port)),
    },
    options,
  );
  return { address: `mongodb://127.0.0.1:${ports[0]}/`, child };
}

const pingTimeoutMs = 2_000;
/** `{ ping: 1, $db: 'admin' }` in BSON, and the `ok: 1` of an answer. */
const pingDocument = Buffer.from('1e0000001070696e670001000000022464620006000000' + '61646d696e0000', 'hex');
const okElement = Buffer.from('016f6b00000000000000f03f', 'hex');
const opMsg = 2013;

/** Sends one `ping` as the driver would; the driver itself belongs to the stores. */
async function ping(port: number): Promise<void> {
  const message = Buffer.alloc(21 + pingDocument.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(1, 4);
  message.writeInt32LE(opMsg, 12);
  pingDocument.copy(message, 21);
  await new Promise<void>((answered, fail) => {
    let reply = Buffer.alloc(0);
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(message));
    socket.setTimeout(pingTimeoutMs, () => socket.destroy(new Error('no answer to ping')));
    socket.on('error', fail).on('close', () => fail(new Error('the connection was closed without an answer')));
    socket.on('data', (part) => {
      reply = Buffer.concat([reply, part]);
      if (reply.length < 4 || reply.length < reply.readInt32LE(0)) return;
      if (reply.includes(okElement)) answered();
      else fail(new Error('ping was refused'));
      socket.destroy();
    });
  });
}
