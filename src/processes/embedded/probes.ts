import { randomInt } from 'node:crypto';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { freePortMax, freePortMin } from '../../domain/limits';

const probeTimeoutMs = 2_000;

/**
 * Ports of loopback that nobody listens on; all are held until each is known, so that no two are the same. They lie below
 * those that the kernel gives to outgoing connections: one of ours would otherwise have the port by the time that the
 * server binds it, or binds it again after a restart, and keep it for as long as the connection lives.
 */
export async function freePorts(count: number): Promise<number[]> {
  const holders: Server[] = [];
  try {
    while (holders.length < count) {
      const holder = await hold(randomInt(freePortMin, freePortMax + 1));
      if (holder !== undefined) holders.push(holder);
    }
    return holders.map((holder) => (holder.address() as AddressInfo).port);
  } finally {
    await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  }
}

/** Rejects unless somebody accepts connections there. */
export async function probeTcp(port: number): Promise<void> {
  await new Promise<void>((accepted, fail) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', fail).once('connect', () => {
      socket.destroy();
      accepted();
    });
  });
}

/** Rejects unless the address answers with success; the body is the answer. */
export async function probeHttp(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${body.slice(0, 200)}`);
  return body;
}

/** Whether nobody listens on a port of the loopback interface. */
export async function isFree(port: number): Promise<boolean> {
  const holder = await hold(port);
  await new Promise((closed) => (holder === undefined ? closed(undefined) : holder.close(closed)));
  return holder !== undefined;
}

/** Listens on a port of the loopback interface; undefined when it is somebody else's. */
async function hold(port: number): Promise<Server | undefined> {
  const holder = createServer();
  return new Promise((answer, fail) => {
    holder.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? answer(undefined) : fail(error)));
    holder.listen(port, '127.0.0.1', () => answer(holder));
  });
}
