import { once } from 'node:events';
import net from 'node:net';

/** What came back on a connection. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection of which a test decides every byte. */
export class RawConnection {
  private received = Buffer.alloc(0);
  readonly closed: Promise<void>;

  private constructor(readonly socket: net.Socket) {
    this.closed = once(socket, 'close').then(() => undefined, () => undefined);
    socket.on('error', () => undefined); // The server may cut it.
    socket.on('data', (piece: Buffer) => (this.received = Buffer.concat([this.received, piece])));
  }

  static async to(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(text: string | Buffer): void {
    if (this.socket.writable) this.socket.write(text);
  }

  /** The answer, once the server has closed the connection. */
  async reply(): Promise<RawReply> {
    await this.closed;
    const [head = '', ...rest] = this.received.toString('latin1').split('\r\n\r\n');
    const [line = '', ...fields] = head.split('\r\n');
    const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]));
    return { status: Number(line.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends what a test made of a request, and waits for the answer and the end of the connection. */
export async function sendRaw(url: string, request: string | Buffer): Promise<RawReply> {
  const connection = await RawConnection.to(url);
  connection.send(request);
  return connection.reply();
}
