import type { QuotaDocument } from '../../src/api/quota/schemas';
import { nothingHeld } from '../../src/domain/quota';
import { keys } from '../../src/stores/etcd/keys';
import type { ProblemBody } from './support/client';
import { definitions, instances, Objects, smallTemplate, templates, webDocument, workers } from './support/objects';
import { Lifecycle } from './support/lifecycle';
import { Tenants } from './support/tenants';
import type { World } from './support/test-api';
import { freshWorld, TestApi } from './support/test-api';

const web = { definition: { name: 'web', version: '1.0.0' } };
const sized = webDocument({
  components: [{ name: 'web', runtime: 'noop', ports: [{ name: 'http' }, { name: 'admin' }], resources: { cpu: '250m', memory: '64Mi', storage: '16Mi' } }],
});
const oneInstance = { instances: 1, cpuMillicores: 250, memoryMib: 64, storageMib: 16, ports: 2 };

let world: World;
let api: TestApi;
let other: TestApi;
let objects: Objects;
let tenants: Tenants;
beforeEach(async () => {
  world = freshWorld();
  api = await TestApi.start(world);
  other = await TestApi.start(world);
  objects = new Objects(api);
  tenants = new Tenants([api, other]);
});
afterEach(() => Promise.all([api.stop(), other.stop()]));

async function caughtUp(): Promise<void> {
  const revision = await api.dependencies.etcd.revision();
  for (const { dependencies } of [api, other]) await dependencies.cache.waitForRevision(revision, 5_000);
}

async function quota(query = ''): Promise<QuotaDocument> {
  await caughtUp();
  const reply = await other.client.get<QuotaDocument>(`/api/v1/quota${query}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

test('of two hundred instances that are asked for at once, of two servers, with a quota of fifty, fifty are made', async () => {
  await objects.definition();
  await tenants.org('default', { quota: { instances: 50 } });
  const replies = await Promise.all(Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? api : other).client.post<ProblemBody>(instances, web)));
  const refused = replies.filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(150);
  for (const { status, body } of refused) {
    expect([status, body]).toEqual([409, expect.objectContaining({ code: 'quota_exceeded', org: 'default', dimension: 'instances', limit: 50, usage: 50, requested: 1 })]);
  }
  expect(await tenants.used()).toMatchObject({ instances: 50, ports: 50, definitions: 1 });
  expect(await tenants.used('default', 'default')).toEqual(await tenants.used());
  await caughtUp();
  expect(other.dependencies.cached.instances()).toHaveLength(50);
});

test('a refusal changes nothing, and names what is in the way; a bound of the project counts as one of the org does', async () => {
  await objects.definition(sized);
  await objects.instance();
  await tenants.org('default', { quota: { instances: 5 } });
  await tenants.project('default', { quota: { memoryMib: 100 } });
  const before = await api.keys();
  const reply = await other.client.post<ProblemBody>(instances, web);
  expect(reply).toMatchObject({
    status: 409,
    body: { code: 'quota_exceeded', retryable: false, org: 'default', project: 'default', dimension: 'memoryMib', limit: 100, usage: 64, requested: 64 },
  });
  expect(reply.body.detail).toBe('project default of org default may hold 100 memoryMib, holds 64, and was asked for 64 more');
  expect(await api.keys()).toEqual(before);

  await tenants.project('default', { quota: { memoryMib: 128 } });
  await objects.instance();
  await tenants.project('default', { quota: {} });
  await tenants.org('default', { quota: { ports: 5 } });
  expect(await other.client.post(instances, web)).toMatchObject({ status: 409, body: { dimension: 'ports', limit: 5, usage: 4, requested: 2 } });
});

test('definition versions are counted, and given back when they are deleted, once', async () => {
  await tenants.org('default', { quota: { definitions: 2 } });
  const { id } = await objects.definition();
  await objects.definition(webDocument({ version: '1.0.1' }));
  expect(await other.client.post(definitions, webDocument({ version: '1.0.2' }))).toMatchObject({
    status: 409,
    body: { code: 'quota_exceeded', dimension: 'definitions', limit: 2, usage: 2, requested: 1 },
  });
  expect(await api.client.post(`${definitions}/${id}/deprecate`)).toMatchObject({ status: 200 });
  expect(await tenants.used()).toMatchObject({ definitions: 2 });
  const deletions = await Promise.all([api, other, api, other].map(({ client }) => client.delete(`${definitions}/${id}`)));
  expect(deletions.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(await tenants.used()).toMatchObject({ definitions: 1 });
  await objects.definition(webDocument({ version: '1.0.2' }));
});

test('what an instance was charged for is given back when it is asked to end, once, however often and by whomever', async () => {
  await objects.definition(sized);
  const [first, second] = [await objects.instance(), await objects.instance()];
  expect(await tenants.used()).toEqual({ ...nothingHeld, instances: 2, cpuMillicores: 500, memoryMib: 128, storageMib: 32, ports: 4, definitions: 1 });
  const key = { 'idempotency-key': 'the-same' };
  const ends = await Promise.all([
    api.client.delete(`${instances}/${first.id}`, key),
    other.client.delete(`${instances}/${first.id}`, key),
    ...[api, other, api, other].map(({ client }) => client.delete(`${instances}/${first.id}`)),
  ]);
  expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([202]));
  expect(await api.client.delete(`${instances}/${first.id}`, key)).toMatchObject({ status: 202 });
  expect(await tenants.used()).toEqual({ ...nothingHeld, ...oneInstance, definitions: 1 });
  await new Lifecycle(api).finish(first.id);
  expect(await other.client.delete(`${instances}/${first.id}`)).toMatchObject({ status: 202 });
  await other.client.delete(`${instances}/${second.id}`);
  expect(await tenants.used()).toEqual({ ...nothingHeld, definitions: 1 });
  expect(await tenants.used('default', 'default')).toEqual(await tenants.used());
});

test('the same key again makes one instance and one charge, and is answered by what it made also at the bound', async () => {
  await objects.definition();
  await tenants.org('default', { quota: { instances: 1 } });
  const key = { 'idempotency-key': 'the-same' };
  const replies = await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? api : other).client.post<{ id: string }>(instances, web, key)));
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
  expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
  expect(await tenants.used()).toMatchObject({ instances: 1 });
});

test('a bound below what is held refuses what is new, and hurts nothing that is there', async () => {
  await objects.definition();
  const { id } = await objects.instance();
  await objects.instance();
  await tenants.org('default', { quota: { instances: 1, definitions: 0 } });
  expect(await api.client.post(instances, web)).toMatchObject({ status: 409, body: { limit: 1, usage: 2, requested: 1 } });
  expect(await api.client.patch(`${instances}/${id}`, { labels: { kept: 'yes' } })).toMatchObject({ status: 200 });
  expect(await quota()).toMatchObject({ limits: { instances: 1, definitions: 0 }, used: { instances: 2, definitions: 1 }, remaining: { instances: 0, definitions: 0 } });
  expect(await api.client.delete(`${instances}/${id}`)).toMatchObject({ status: 202 });
  expect(await api.client.post(instances, web)).toMatchObject({ status: 409, body: { usage: 1 } });
});

test('a stopped instance keeps its place, so that its start needs none', async () => {
  await objects.definition();
  await objects.template();
  const { id: workerId } = await objects.worker();
  const lifecycle = new Lifecycle(api);
  await lifecycle.provision(workerId);
  const { id } = await objects.instance();
  await lifecycle.run(id, workerId, { http: 2000 });
  await tenants.org('default', { quota: { instances: 1 } });
  expect(await api.client.post(`${instances}/${id}/stop`)).toMatchObject({ status: 202 });
  expect(await tenants.used()).toMatchObject({ instances: 1 });
  await lifecycle.begin(id, 'stop');
  await lifecycle.complete(id, 'stop');
  expect(await api.client.post(`${instances}/${id}/start`)).toMatchObject({ status: 202 });
  expect(await tenants.used()).toMatchObject({ instances: 1 });
});

test('what was admitted before anything was charged gives nothing back', async () => {
  await objects.definition();
  const { id } = await objects.instance();
  await objects.instance();
  const { etcd, fresh } = api.dependencies;
  const { charged: _charged, ...spec } = (await fresh.instance(id)).spec.value;
  await etcd.raw.put(etcd.prefix + keys.instanceSpec(id)).value(JSON.stringify(spec));
  await caughtUp();
  expect(await api.client.delete(`${instances}/${id}`)).toMatchObject({ status: 202 });
  expect(await tenants.used()).toMatchObject({ instances: 2 });
});

test('every org and every project has sums and bounds of its own, and neither sees those of others', async () => {
  await tenants.org('o-1', { quota: { instances: 2 } });
  await tenants.org('o-2');
  await tenants.project('p-1', { org: 'o-1', quota: { instances: 1 } });
  await tenants.project('p-2', { org: 'o-1' });
  const [first, second, all, other2] = [
    await tenants.principal('o-1', { projects: ['p-1'] }),
    await tenants.principal('o-1', { projects: ['p-2', 'p-1'] }),
    await tenants.principal('o-1'),
    await tenants.principal('o-2'),
  ];
  await caughtUp();
  expect(await api.client.post(`${definitions}?project=p-1`, webDocument(), all)).toMatchObject({ status: 201, body: { org: 'o-1', project: 'p-1' } });
  await caughtUp();
  const create = (who: { authorization: string }) => other.client.post<ProblemBody>(instances, web, who);
  expect(await create(first)).toMatchObject({ status: 201, body: { org: 'o-1', project: 'p-1' } });
  expect(await create(first)).toMatchObject({ status: 409, body: { code: 'quota_exceeded', org: 'o-1', project: 'p-1', limit: 1, usage: 1 } });
  expect(await create(second)).toMatchObject({ status: 201, body: { project: 'p-2' } });
  const refused = await create(second);
  // What all projects of the org hold together is for those to know who see all of them.
  expect(refused).toMatchObject({ status: 409, body: { code: 'quota_exceeded', org: 'o-1', dimension: 'instances', requested: 1 } });
  for (const untold of ['project', 'limit', 'usage']) expect(refused.body).not.toHaveProperty(untold);
  expect(refused.body.detail).toBe('org o-1 may not hold 1 more instances');
  expect(await create(all)).toMatchObject({ status: 409, body: { code: 'quota_exceeded', org: 'o-1', limit: 2, usage: 2 } });
  expect(await tenants.used('o-1')).toMatchObject({ instances: 2, definitions: 1 });
  expect(await tenants.used('o-1', 'p-1')).toMatchObject({ instances: 1, definitions: 1 });
  expect(await tenants.used()).toEqual(nothingHeld);

  await caughtUp();
  const shown = (query: string, who: { authorization: string }) => other.client.get<QuotaDocument>(`/api/v1/quota${query}`, who);
  expect(await shown('', all)).toMatchObject({ status: 200, body: { org: 'o-1', used: { instances: 2 }, remaining: { instances: 0 } } });
  expect(await shown('?org=o-1&project=p-2', all)).toMatchObject({ status: 200, body: { org: 'o-1', project: 'p-2', used: { instances: 1 }, remaining: {} } });
  expect(await shown('', second)).toMatchObject({ status: 200, body: { org: 'o-1', project: 'p-2', used: { instances: 1 } } });
  expect(await shown('?project=p-2', first)).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
  expect(await shown('?project=p-1', other2)).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
  expect(await shown('?org=o-1', other2)).toMatchObject({ status: 404, body: { code: 'org_not_found', detail: 'there is no org o-1' } });
  expect(await shown('?org=o-none', other2)).toMatchObject({ status: 404, body: { code: 'org_not_found', detail: 'there is no org o-none' } });
  expect(await shown('?org=o-1&project=p-1', { authorization: `Bearer ${api.token}` })).toMatchObject({ status: 200, body: { used: { instances: 1 }, remaining: { instances: 0 } } });
});

describe('an org that takes nothing new', () => {
  test('gets nothing at a revision after the one that says so, though a hundred are asked for meanwhile', async () => {
    await objects.definition();
    await tenants.org('default');
    const burst = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? api : other).client.post<ProblemBody>(instances, web));
    await Promise.race(burst);
    await tenants.org('default', { suspended: true });
    const replies = await Promise.all(burst);
    const { etcd } = api.dependencies;
    const suspended = (await etcd.get(keys.orgSpec('default')))!.revision;
    const { entries } = await etcd.list('instances/');
    const made = entries.filter(({ key }) => key.endsWith('/spec'));
    expect(made).toHaveLength(replies.filter(({ status }) => status === 201).length);
    expect(made.filter(({ revision }) => revision > suspended)).toEqual([]);
    expect(replies.filter(({ status, body }) => status !== 201 && body.code !== 'org_suspended')).toEqual([]);
    expect(replies.some(({ status }) => status === 403)).toBe(true);
    expect(await tenants.used()).toMatchObject({ instances: made.length });
  });

  const creations: ReadonlyArray<readonly [what: string, path: string, body: unknown]> = [
    ['instance', instances, web],
    ['definition', definitions, webDocument({ version: '2.0.0' })],
    ['template', templates, { ...smallTemplate, name: 'other', org: 'default' }],
    ['worker', workers, { template: 'small', org: 'default' }],
  ];

  test.each(creations)('gets no %s, while suspended or while it is deleted, and what it has goes on', async (_what, path, body) => {
    await objects.definition();
    await objects.template({ ...smallTemplate, org: 'default' });
    const { id } = await objects.instance();
    await tenants.org('default', { suspended: true });
    const before = await api.keys();
    expect(await other.client.post(path, body)).toMatchObject({ status: 403, body: { code: 'org_suspended', org: 'default' } });
    await tenants.org('default', { closing: true });
    expect(await other.client.post(path, body)).toMatchObject({ status: 409, body: { code: 'org_closing', org: 'default' } });
    const { [keys.orgSpec('default')]: _org, ...left } = await api.keys();
    const { [keys.orgSpec('default')]: _formerOrg, ...former } = before;
    expect(left).toEqual(former);
    expect(await other.client.delete(`${instances}/${id}`)).toMatchObject({ status: 202 });
    await tenants.org('default');
    expect(await other.client.post(path, body)).toMatchObject({ status: 201 });
  });

  test('gets none from a server that has not heard of it either', async () => {
    await objects.definition();
    const behind = await TestApi.start(world);
    behind.dependencies.cache.stop();
    const { etcd } = api.dependencies;
    await tenants.org('default', { suspended: true });
    const before = await api.keys();
    const reply = await behind.client.post<ProblemBody>(instances, web);
    expect(reply.status).not.toBe(201);
    expect(await api.keys()).toEqual(before);
    expect((await etcd.list('instances/')).entries).toEqual([]);
    await behind.stop();
  });
});

test('the quota shows limits, what is used and what remains, of the org and of a project', async () => {
  expect(await quota()).toMatchObject({ org: 'default', limits: {}, used: nothingHeld, remaining: {} });
  await objects.definition(sized);
  await objects.instance();
  await tenants.org('default', { quota: { instances: 3, cpuMillicores: 1000 } });
  await tenants.project('default', { quota: { ports: 2 } });
  const used = { ...nothingHeld, ...oneInstance, definitions: 1 };
  const { revision, ...ofOrg } = await quota();
  expect(ofOrg).toEqual({ org: 'default', limits: { instances: 3, cpuMillicores: 1000 }, used, remaining: { instances: 2, cpuMillicores: 750 } });
  expect(Number(revision)).toBeGreaterThan(0);
  expect(await quota('?project=default')).toMatchObject({ org: 'default', project: 'default', limits: { ports: 2 }, used, remaining: { ports: 0 } });
  expect(await api.client.get('/api/v1/quota?org=o-none')).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
  expect(await api.client.get('/api/v1/quota?project=p-none')).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
  expect(await api.client.get('/api/v1/quota?organisation=default')).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});
