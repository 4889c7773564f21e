import type { AddressInfo, Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { BSON } from 'mongodb';
import type { MongoAction } from '../../src/stores/mongo/rights';

const opMsg = 2013;
const headerBytes = 16;

/** The action that a command takes, as MongoDB asks for it. What needs none is left out. */
const actions: Readonly<Record<string, MongoAction>> = {
  find: 'find',
  getMore: 'find',
  aggregate: 'find',
  count: 'find',
  distinct: 'find',
  insert: 'insert',
  update: 'update',
  findAndModify: 'update',
  delete: 'remove',
  createIndexes: 'createIndex',
  listIndexes: 'listIndexes',
  listCollections: 'listCollections',
  drop: 'dropCollection',
};
const free = new Set(['hello', 'ismaster', 'ping', 'endSessions', 'killCursors', 'connectionStatus', 'buildInfo']);

/** Stands between a process and MongoDB, and notes what it is asked for. */
export class MongoRecorder {
  /** Each as `action collection`; a command that is not known here by its own name. */
  readonly asked = new Set<string>();

  private constructor(private readonly listener: Server) {}

  static async to(uri: string): Promise<MongoRecorder> {
    const { hostname, port } = new URL(uri);
    const listener = createServer();
    const recorder = new MongoRecorder(listener);
    listener.on('connection', (client) => {
      const server = connect(Number(port), hostname);
      let pending: Buffer = Buffer.alloc(0);
      client.on('data', (bytes) => {
        pending = recorder.note(Buffer.concat([pending, bytes]));
        server.write(bytes);
      });
      server.pipe(client);
      for (const [one, other] of [[client, server], [server, client]] as const) one.on('close', () => other.destroy()).on('error', () => other.destroy());
    });
    await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));
    return recorder;
  }

  get uri(): string {
    return `mongodb://127.0.0.1:${(this.listener.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.listener.close();
  }

  /** Takes whole messages off; answers what is left. */
  private note(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length >= headerBytes && rest.length >= rest.readInt32LE(0)) {
      const message = rest.subarray(0, rest.readInt32LE(0));
      rest = rest.subarray(message.length);
      // Flags, then the kind of the first section: 0 is the command itself.
      if (message.readInt32LE(12) === opMsg && message[headerBytes + 4] === 0) this.noteCommand(message.subarray(headerBytes + 5));
    }
    return rest;
  }

  private noteCommand(bytes: Buffer): void {
    const command = BSON.deserialize(bytes.subarray(0, bytes.readInt32LE(0)));
    const [name = ''] = Object.keys(command);
    if (free.has(name)) return;
    const collection = String(name === 'getMore' ? command['collection'] : command[name]);
    this.asked.add(`${actions[name] ?? name} ${collection}`);
  }
}
