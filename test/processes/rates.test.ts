import { apiLeaseTtlMs } from '../../src/domain/limits';
import { EtcdClient } from '../../src/stores/etcd/client';
import { seedPrincipal } from '../support/administrator';
import { eventually } from '../support/etcd';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

const burst = 60;
const servers = 2;
const share = burst / servers;

let stack: TestStack;
let etcd: EtcdClient;
beforeAll(async () => {
  stack = await startTestStack({ api: servers, control: 0 }, { BERTH_RATE_PER_PRINCIPAL: `1/${burst}` });
  etcd = new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix });
}, 120_000);
afterAll(async () => {
  etcd.close();
  await stack.end();
});

const ask = (url: string, token: string) => fetch(`${url}/api/v1/instances`, { headers: { authorization: `Bearer ${token}` } });
const someone = () => seedPrincipal(etcd, { roles: ['viewer'] });
const shareAt = async (url: string) => /"principal";q=(\d+)/.exec((await ask(url, await someone())).headers.get('ratelimit-policy') ?? '')?.[1];
const shareIs = (url: string, expected: number) => async () => (await shareAt(url)) === String(expected);

test('a rate holds through all servers together, give or take the share of one, and a server that dies leaves its share to the others', async () => {
  const [first = '', second = ''] = stack.apis;
  for (const url of stack.apis) await eventually('each knows of the other', shareIs(url, share));
  const token = await someone();
  const answers = await Promise.all(Array.from({ length: 2 * burst }, (_, index) => ask(stack.apis[index % servers]!, token)));
  const allowed = answers.filter(({ status }) => status === 200).length;
  expect(answers.filter(({ status }) => status !== 200 && status !== 429)).toEqual([]);
  expect(allowed).toBeGreaterThanOrEqual(burst - share);
  expect(allowed).toBeLessThanOrEqual(burst + share);
  const refused = answers.find(({ status }) => status === 429)!;
  expect(await refused.json()).toMatchObject({ code: 'rate_limited', retryable: true, policy: 'principal' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);

  stack.children.api[1]!.kill('SIGKILL');
  await eventually('the first has it all', shareIs(first, burst), apiLeaseTtlMs + 15_000);
  await stack.startApi(1);
  for (const url of [first, second]) await eventually('they share again', shareIs(url, share));
}, 120_000);

test('health and readiness are shown however often somebody asks', async () => {
  const answers = await Promise.all(Array.from({ length: 3 * burst }, (_, index) => fetch(`${stack.apis[0]!}/${index % 10 === 0 ? 'ready' : 'health'}`)));
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(answers[0]!.headers.get('ratelimit')).toBeNull();
});
