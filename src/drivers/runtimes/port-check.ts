import net from 'node:net';
import { RuntimeFailure } from './runtime';

/**
 * Rejects with `PortTaken` if another process listens on one of the ports. Asked before a start: a component would
 * only say that it ended early, or worse, its readiness probe would be answered by the stranger.
 */
export async function requireFreePorts(ports: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, port] of Object.entries(ports)) {
    const error = await listenOnce(port);
    if (error) {
      const message = `port ${port} ("${name}") is taken by another process of the host`;
      throw new RuntimeFailure('host', 'PortTaken', message, { cause: error });
    }
  }
}

/** Listens on all addresses, and so meets a listener on any of them. */
function listenOnce(port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy());
    server.on('error', resolve);
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
