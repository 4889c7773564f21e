import type { EtcdClient } from '../../../src/stores/etcd/client';
import { mintTokenSecret } from '../../../src/token-secret';
import { seedPrincipal } from '../../support/administrator';
import { eventually } from '../../support/etcd';
import { RawConnection } from '../../support/raw-http';
import type { ProblemBody } from '../support/client';
import { instances } from '../support/objects';
import { freshWorld, TestApi } from '../support/test-api';

/** Reads of single keys, which is how credentials are looked for. */
let reads = 0;

function counting(etcd: EtcdClient): EtcdClient {
  return new Proxy(etcd, {
    get(target, name) {
      if (name === 'get') reads += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const world = freshWorld();
const slow = { perSecond: 0.001, burst: 5 };
let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start(world, (dependencies) => ({
    ...dependencies,
    etcd: counting(dependencies.etcd),
    requestBounds: { perPrincipal: { perSecond: 0.001, burst: 150 }, unauthenticated: slow, openRequestsMax: 2, streamsMax: 2 },
  }));
});
afterAll(() => api.stop());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const unknownToken = () => mintTokenSecret('k-unknown').token;

test('who asks too much is told so with what to do, is kept from nothing that is open to all, and changed nothing', async () => {
  const token = bearer(await seedPrincipal(api.dependencies.etcd, { roles: ['developer'] }));
  const replies = [];
  for (let asked = 0; asked < 151; asked++) replies.push(await api.client.get<ProblemBody>(instances, token));
  expect(replies.map(({ status }) => status)).toEqual([...new Array<number>(150).fill(200), 429]);
  expect(replies[0]!.headers.get('ratelimit')).toMatch(/^"principal";r=149;t=\d+, "org";r=\d+;t=1$/);
  expect(replies[150]).toMatchObject({ body: { code: 'rate_limited', retryable: true, policy: 'principal', burst: 150 } });
  expect(Number(replies[150]!.headers.get('retry-after'))).toBeGreaterThan(900);
  const before = await api.keys();
  expect(await api.client.post(instances, { definition: { name: 'web', version: '1.0.0' } }, token)).toMatchObject({ status: 429 });
  expect(await api.keys()).toEqual(before);
  for (const path of ['/health', '/ready', '/openapi.json']) expect(await api.client.get(path, token)).toMatchObject({ status: 200 });
  expect(await api.client.get(instances)).toMatchObject({ status: 200 });
});

test('who tries credentials is bounded before any store is asked; those whose credential is known are not kept out by it', async () => {
  const statuses = [];
  for (let tried = 0; tried < 5; tried++) statuses.push((await api.client.get(instances, bearer(unknownToken()))).status);
  expect(statuses).toEqual(new Array<number>(5).fill(401));
  reads = 0;
  const attempts = [bearer(unknownToken()), bearer('no-token-at-all'), { authorization: 'Basic abc' }];
  for (const attempt of attempts) expect(await api.client.get<ProblemBody>(instances, attempt)).toMatchObject({ status: 429, body: { policy: 'address' } });
  expect(await api.client.post<ProblemBody>('/api/internal/v1/workers/w-1/heartbeat', {}, bearer('x'))).toMatchObject({ status: 429, body: { policy: 'address' } });
  expect(reads).toBe(0);
  expect(await api.client.get(instances)).toMatchObject({ status: 200 });
});

test.each([
  ['streams', '/api/v1/events', 'text/event-stream'],
  ['waits', '/api/v1/events?wait=20s', 'application/json'],
])('a caller has two %s open and no third, until one of them has gone', async (_what, path, accept) => {
  const token = await seedPrincipal(api.dependencies.etcd, { roles: ['viewer'] });
  await eventually('the token is known', async () => (await api.client.get(instances, bearer(token))).status === 200);
  const headers = { ...bearer(token), accept };
  const request = [`GET ${path} HTTP/1.1`, 'Host: localhost', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
  const ask = async () => {
    const connection = await RawConnection.to(api.url);
    let text = '';
    connection.socket.on('data', (piece) => (text += String(piece)));
    connection.send(request);
    return { connection, isRefused: () => text.startsWith('HTTP/1.1 429') };
  };
  const asked = await Promise.all([ask(), ask(), ask()]);
  await eventually('one of three is refused', () => asked.some(({ isRefused }) => isRefused()));
  expect(asked.filter(({ isRefused }) => isRefused())).toHaveLength(1);
  expect(await api.client.get(instances, bearer(token))).toMatchObject({ status: 200 });
  // Whoever leaves makes room for one, and only for one.
  asked.find(({ isRefused }) => !isRefused())!.connection.close();
  await eventually('there is room for another one', async () => {
    const again = await Promise.all([ask(), ask()]);
    asked.push(...again);
    await eventually('one of two is refused', () => again.some(({ isRefused }) => isRefused()));
    return again.some(({ isRefused }) => !isRefused());
  });
  asked.forEach(({ connection }) => connection.close());
});

test('who leaves while answers of his wait for another on the same connection has nothing open from then on', async () => {
  const token = await seedPrincipal(api.dependencies.etcd, { roles: ['viewer'] });
  const status = async () => (await api.client.get(instances, bearer(token))).status;
  await eventually('the token is known', async () => (await status()) === 200);
  const request = (path: string) => [`GET ${path} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${token}`, '', ''].join('\r\n');
  const connection = await RawConnection.to(api.url);
  connection.send(request('/api/v1/events?wait=20s') + request(instances) + request(instances));
  await eventually('both are open', async () => (await status()) === 429);
  connection.close();
  await eventually('neither is open', async () => (await status()) === 200);
});
