import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import type { Readiness } from '../../../src/domain/definition';
import { requireFreePorts } from '../../../src/drivers/runtimes/port-check';
import { waitUntilReady } from '../../../src/drivers/runtimes/readiness';

const never = new AbortController().signal;
const closers: Array<() => unknown> = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function listening(server: http.Server | net.Server, host = '127.0.0.1'): Promise<number> {
  closers.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

function wait(port: number, readiness: Partial<Readiness>, signal = never): Promise<void> {
  const full = { kind: 'http', port: 'http', path: '/health', status: 200, intervalMs: 50, timeoutMs: 500, ...readiness } as Readiness;
  return waitUntilReady({ component: 'main', readiness: full, address: '127.0.0.1', port }, signal);
}

describe('waitUntilReady', () => {
  test('asks until the status is the one that is expected', async () => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(request.url!);
      response.writeHead(asked.length < 3 ? 503 : 204).end();
    });
    await wait(await listening(server), { status: 204, timeoutMs: 10_000 });
    expect(asked).toEqual(['/health', '/health', '/health']);
  });

  test('says what came instead', async () => {
    const port = await listening(http.createServer((_request, response) => response.writeHead(404).end()));
    await expect(wait(port, {})).rejects.toMatchObject({
      failureClass: 'transient',
      reason: 'ReadinessTimeout',
      message: `component "main" was not ready within 500 ms: http://127.0.0.1:${port}/health: status 404 instead of 200`,
    });
  });

  test('gives up on a server that accepts and never answers', async () => {
    const port = await listening(net.createServer((socket) => closers.push(() => socket.destroy())));
    await expect(wait(port, {})).rejects.toThrow('no answer within');
  });

  test('a connection is enough for tcp', async () => {
    const port = await listening(net.createServer((socket) => socket.destroy()));
    await wait(port, { kind: 'tcp' });
    await expect(wait(port + 1 > 65_535 ? 1 : port + 1, { kind: 'tcp', timeoutMs: 100 })).rejects.toMatchObject({ reason: 'ReadinessTimeout' });
  });

  test('ends at once when it is interrupted', async () => {
    const abort = new AbortController();
    const waiting = wait(1, { timeoutMs: 60_000, intervalMs: 60_000 }, abort.signal);
    setTimeout(() => abort.abort(new Error('a newer entry')), 50);
    await expect(waiting).rejects.toThrow('a newer entry');
  });
});

describe('requireFreePorts', () => {
  test.each(['127.0.0.1', '0.0.0.0', '::1'])('refuses a port on which somebody listens at %s', async (host) => {
    const port = await listening(net.createServer(), host);
    await expect(requireFreePorts({ web: port })).rejects.toMatchObject({ failureClass: 'host', reason: 'PortTaken', message: expect.stringContaining(String(port)) });
  });

  test('leaves a free port free', async () => {
    const server = net.createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await requireFreePorts({ a: port });
    await requireFreePorts({ a: port });
  });
});
