import { keys } from '../../src/stores/etcd/keys';
import { eventually } from '../support/etcd';
import { testServers } from '../support/servers';
import { freshWorld, TestApi } from '../api/support/test-api';
import { Client } from '../api/support/client';
import { berth } from './support';

/** The first way in where nobody has a credential: by the keys of etcd. */
const world = freshWorld();
let api: TestApi;
beforeAll(async () => void (api = await TestApi.start(world)));
afterAll(() => api.stop());

const environment = { BERTH_ETCD_ENDPOINTS: testServers().etcd, BERTH_ETCD_PREFIX: world.prefix.slice(0, -1) };
const administrator = (...args: readonly string[]) => berth(['deploy', 'administrator', ...args], environment);

interface Principal {
  readonly id: string;
  readonly spec: { readonly name: string };
}

test('prints a token and nothing else; each run makes another of the same administrator, who may do everything', async () => {
  const first = await administrator();
  expect(first).toEqual({ code: 0, out: expect.stringMatching(/^berth_\S{60,}\n$/), err: '' });
  const second = await administrator('-o', 'json');
  const tokens = [first.out.trim(), (JSON.parse(second.out) as { token: string }).token];
  expect(tokens[0]).not.toBe(tokens[1]);
  for (const [at, token] of tokens.entries()) {
    const asked = () => new Client(api.url).post('/api/v1/orgs', { name: `org-${at}` }, { authorization: `Bearer ${token}` });
    await eventually('the server has heard of the token and lets its owner make an org', async () => (await asked()).status === 201);
  }
  const { items } = (await api.client.get<{ items: readonly Principal[] }>('/api/v1/principals')).body;
  expect(items.filter(({ spec }) => spec.name === 'administrator')).toHaveLength(1);
  const [{ id }] = items.filter(({ spec }) => spec.name === 'administrator') as [Principal];
  expect((await api.client.get<{ items: readonly unknown[] }>(`/api/v1/tokens?principal=${id}`)).body.items).toHaveLength(2);
});

const taken: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
  ['let in no more', { disabled: true }],
  ['stripped of what he may do', { roles: ['viewer'] }],
  ['both', { disabled: true, roles: [] }],
];

test.each(taken)('gives everything back to an administrator who was %s, since nobody else may be left who could', async (_what, patch) => {
  const { items } = (await api.client.get<{ items: readonly Principal[] }>('/api/v1/principals')).body;
  const { id } = items.find(({ spec }) => spec.name === 'administrator')!;
  expect(await api.client.patch(`/api/v1/principals/${id}`, patch)).toMatchObject({ status: 200 });
  const { code, out } = await administrator();
  expect(code).toBe(0);
  const asked = () => new Client(api.url).get('/api/v1/admin/leaders', { authorization: `Bearer ${out.trim()}` });
  await eventually('the server lets him do what is for the platform', async () => (await asked()).status === 200);
  expect((await api.client.get(`/api/v1/principals/${id}`)).body).toMatchObject({ spec: { disabled: false, roles: expect.arrayContaining(['platform']) } });
});

test('makes another administrator where one was deleted, and takes back a deletion that did not come to its end', async () => {
  const { items } = (await api.client.get<{ items: readonly Principal[] }>('/api/v1/principals')).body;
  const { id } = items.find(({ spec }) => spec.name === 'administrator')!;
  const { etcd } = api.dependencies;
  const { value } = (await etcd.get(keys.principalSpec(id)))!;
  await etcd.raw.put(etcd.key(keys.principalSpec(id))).value(JSON.stringify({ ...(value as object), disabled: true, deletionRequestedAt: new Date().toISOString() }));
  expect(await administrator()).toMatchObject({ code: 0 });
  expect((await etcd.get(keys.principalSpec(id)))!.value).not.toHaveProperty('deletionRequestedAt');
  expect(await api.client.delete(`/api/v1/principals/${id}`)).toMatchObject({ status: 200 });
  expect(await administrator()).toMatchObject({ code: 0 });
});

test('says which setting it lacks', async () => {
  expect(await berth(['deploy', 'administrator'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('BERTH_ETCD_ENDPOINTS is not set') });
});
