import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

const probeTimeoutMs = 2_000;

/** Ports that nobody listens on; all are held until each is known, so that no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer();
      await new Promise<void>((listening, fail) => {
        holder.once('error', fail).listen(0, '127.0.0.1', listening);
      });
      return holder;
    }),
  );
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  return ports;
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
  const holder = createServer();
  return new Promise((answer) => {
    holder.once('error', () => answer(false)).listen(port, '127.0.0.1', () => holder.close(() => answer(true)));
  });
}
