import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { BSON } from 'mongodb';
import type { Document } from 'mongodb';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { MongoUnavailableError } from '../../../src/stores/mongo/errors';
import { Reports } from '../../../src/stores/mongo/reports';
import { freshDatabase, testServers } from '../../support/servers';
import { TcpProxy } from '../../support/tcp-proxy';

const report = { _id: 'one', kind: 'test', time: '2026-11-21T10:00:00.000Z' };
const operationTimeoutMs = 1_000;
const connections: MongoConnection[] = [];

function connect(port: string | number): MongoConnection {
  const connection = connectMongo({ uri: `mongodb://127.0.0.1:${port}/`, database: freshDatabase(), appName: 'test', operationTimeoutMs });
  connections.push(connection);
  return connection;
}

afterEach(() => Promise.all(connections.splice(0).map((connection) => connection.close())));

describe('an operation that meets a connection in the moment in which it is closed', () => {
  let proxy: TcpProxy;
  const sockets: Socket[] = [];
  const collect = (message: unknown) => void sockets.push((message as { socket: Socket }).socket);

  beforeEach(async () => {
    proxy = await TcpProxy.to(testServers().mongodb);
    subscribe('net.client.socket', collect);
  });

  afterEach(async () => {
    unsubscribe('net.client.socket', collect);
    sockets.length = 0;
    await proxy.close();
  });

  /** Starts an operation as soon as a socket of the driver has come so far with its end. */
  async function meeting(moment: 'end' | 'finish', operation: () => Promise<unknown>): Promise<unknown> {
    const { port } = new URL(proxy.url);
    return new Promise((settled) => {
      const start = () => settled(operation().then(() => 'done', (error: unknown) => error));
      let started = false;
      for (const socket of sockets.filter(({ remotePort }) => remotePort === Number(port))) {
        socket.once(moment, () => {
          if (!started) start();
          started = true;
        });
      }
      proxy.breakConnections();
    });
  }

  it.each(['end', 'finish'] as const)('may be repeated, be it a read or an insert, and ends within its bound (%s)', async (moment) => {
    const connection = connect(new URL(proxy.url).port);
    const reports = new Reports(connection);
    for (const operation of [() => reports.get('one'), () => reports.insert(report)]) {
      await connection.ping();
      expect(await meeting(moment, operation)).toBeInstanceOf(MongoUnavailableError);
    }
    await reports.insert(report);
    expect(await reports.get('one')).toEqual(report);
  });
});

test('an operation under way when the connection is closed was not answered', async () => {
  const server = await ScriptedServer.start(() => undefined);
  const connection = connect(server.port);
  const reading = new Reports(connection).get('one').catch((error: unknown) => error);
  await server.asked;
  await connection.close();
  expect(await reading).toBeInstanceOf(MongoUnavailableError);
  await server.stop();
});

describe('what a server answers', () => {
  let server: ScriptedServer;
  let answer: Document;

  beforeAll(async () => {
    server = await ScriptedServer.start(() => answer);
  });

  afterAll(() => server.stop());

  it.each([
    ['shuts down', 91],
    ['was interrupted while it shut down', 11600],
    ['is not primary any more', 10107],
  ])('may be asked again when it %s', async (_state, code) => {
    answer = { ok: 0, code, errmsg: 'not now' };
    const reports = new Reports(connect(server.port));
    await expect(reports.get('one')).rejects.toThrow(MongoUnavailableError);
    await expect(reports.insert(report)).rejects.toThrow(MongoUnavailableError);
  });

  it('may be asked again when it says so itself', async () => {
    answer = { ok: 0, code: 462, errmsg: 'too much to do', errorLabels: ['RetryableError'] };
    const reports = new Reports(connect(server.port));
    await expect(reports.get('one')).rejects.toThrow(MongoUnavailableError);
    await expect(reports.insert(report)).rejects.toThrow(MongoUnavailableError);
  });

  it.each([
    ['has no right to it', 13],
    ['asks for what cannot be', 2],
    ['meets a fault of the server', 1],
  ])('stays what it is when somebody %s', async (_refusal, code) => {
    answer = { ok: 0, code, errmsg: 'never' };
    const reports = new Reports(connect(server.port));
    await expect(reports.get('one')).rejects.toMatchObject({ name: 'MongoServerError', code });
    await expect(reports.insert(report)).rejects.toMatchObject({ name: 'MongoBulkWriteError', code });
  });
});

test('what the driver refuses stays what it is', async () => {
  const connection = connect(new URL(testServers().mongodb).port);
  const collection = connection.collection('maintenance_reports');
  const wrong = connection.attempt('skip', () => collection.find().skip('one' as unknown as number).toArray());
  await expect(wrong).rejects.toThrow('Operation "skip" requires an integer');
  const tooLarge = new Reports(connection).insert({ ...report, text: 'x'.repeat(64 * 1024 * 1024) });
  await expect(tooLarge).rejects.toMatchObject({ name: 'MongoInvalidArgumentError' });
  const ours = new TypeError('a fault of ours');
  await expect(connection.attempt('do anything', () => Promise.reject(ours))).rejects.toBe(ours);
});

/** Speaks just enough of the protocol to be taken for a server, and answers every command with the same or, given nothing, not at all. */
class ScriptedServer {
  private readonly sockets = new Set<Socket>();
  private tellAsked: () => void = () => undefined;
  /** Somebody has sent a command that is no greeting. */
  readonly asked = new Promise<void>((resolve) => (this.tellAsked = resolve));

  private constructor(
    private readonly listener: Server,
    private readonly answer: () => Document | undefined,
  ) {
    listener.on('connection', (socket: Socket) => this.serve(socket));
  }

  static async start(answer: () => Document | undefined): Promise<ScriptedServer> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new ScriptedServer(listener, answer);
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket.on('error', () => undefined));
    let received = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
        const message = received.subarray(0, received.readInt32LE(0));
        received = received.subarray(message.length);
        const answer = this.answerTo(message);
        if (answer) socket.write(asMessage(message.readInt32LE(4), answer));
      }
    });
  }

  private answerTo(message: Buffer): Document | undefined {
    // The driver greets in the old way as long as it does not know the server.
    const isGreeting = message.readInt32LE(12) === 2004 || message.includes('\0hello\0');
    if (isGreeting) return { ok: 1, isWritablePrimary: true, helloOk: true, minWireVersion: 0, maxWireVersion: 21, maxBsonObjectSize: 16_777_216 };
    this.tellAsked();
    return this.answer();
  }
}

/** A document as an OP_MSG of one section. */
function asMessage(responseTo: number, document: Document): Buffer {
  const body = BSON.serialize(document);
  const head = Buffer.alloc(21);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(responseTo, 8);
  head.writeInt32LE(2013, 12);
  return Buffer.concat([head, body]);
}
