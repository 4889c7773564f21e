import type { CapacityView, PortsView, WorkerDocument } from '../../src/api/workers/schemas';
import type { OrgView } from '../../src/api/orgs/schemas';
import type { ProjectView } from '../../src/api/projects/schemas';
import type { CloudEvent } from '../../src/domain/events';
import { RetiredObjects } from '../../src/stores/mongo/retired-objects';
import type { Somebody } from './support/access';
import { made, somebody } from './support/access';
import type { ProblemBody } from './support/client';
import { EventConsumer } from './support/event-consumer';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, smallTemplate, templates, webDocument, workers } from './support/objects';
import { TestApi } from './support/test-api';

interface Thing {
  readonly id: string;
  readonly org: string;
  readonly project: string;
}
interface Tenant {
  readonly org: string;
  readonly project: string;
  readonly admin: Somebody;
  readonly confined: Somebody;
  readonly definition: Thing;
  readonly instance: Thing;
  readonly worker: Thing;
}

let api: TestApi;
let lifecycle: Lifecycle;
let acme: Tenant;
let ajax: Tenant;
let shared: Thing;

beforeAll(async () => {
  api = await TestApi.start();
  lifecycle = new Lifecycle(api);
  await made(api.client.post(templates, smallTemplate));
  shared = await made(api.client.post<Thing>(workers, { template: 'small' }));
  acme = await tenant('acme');
  ajax = await tenant('ajax');
  await lifecycle.provision(shared.id);
  await lifecycle.run(acme.instance.id, shared.id, { http: 2000 });
  await lifecycle.run(ajax.instance.id, shared.id, { http: 2001 });
  await upToDate();
}, 60_000);
afterAll(() => api.stop());

/** An org with one of each, all called the same in every org. */
async function tenant(name: string): Promise<Tenant> {
  const { id: org } = await made(api.client.post<OrgView>('/api/v1/orgs', { name }));
  const admin = await somebody(api, { org, roles: ['admin'] });
  const { id: project } = await made(api.client.post<ProjectView>('/api/v1/projects', { name: 'lab' }, admin.headers));
  const confined = await somebody(api, { org, roles: ['operator'], projects: [project] });
  const definition = await made(api.client.post<Thing>(definitions, webDocument(), admin.headers));
  const instance = await made(api.client.post<Thing>(instances, { definition: { name: 'web', version: '1.0.0' } }, admin.headers));
  await made(api.client.post(templates, { ...smallTemplate, name: 'own' }, admin.headers));
  const worker = await made(api.client.post<Thing>(workers, { template: 'own' }, admin.headers));
  return { org, project, admin, confined, definition, instance, worker };
}

async function upToDate(): Promise<void> {
  await api.dependencies.cache.waitForRevision(await api.dependencies.etcd.revision(), 5_000);
}

async function listed<Item = Thing>(path: string, headers?: Somebody['headers']): Promise<Item[]> {
  return (await api.client.get<{ items: Item[] }>(path, headers)).body.items;
}

const idsOf = (things: readonly Thing[]) => things.map(({ id }) => id);

test('what is called the same in two orgs is two things, and neither is refused for the other', async () => {
  expect([acme.definition.org, ajax.definition.org]).toEqual([acme.org, ajax.org]);
  expect(idsOf(await listed(`${definitions}/by-name/web/versions`, acme.admin.headers))).toEqual([acme.definition.id]);
  expect(await api.client.post(definitions, webDocument(), acme.admin.headers)).toMatchObject({ status: 409, body: { code: 'version_exists', existingId: acme.definition.id } });
  expect(await api.client.post(templates, { ...smallTemplate, name: 'own' }, ajax.admin.headers)).toMatchObject({ status: 409, body: { code: 'template_exists' } });
  const { definition } = (await api.client.get<{ spec: { definition: Thing } }>(`${instances}/${ajax.instance.id}`)).body.spec;
  expect(definition.id).toBe(ajax.definition.id);
});

test('names of the org `default` lie where they always did, and no org’s name is another’s', async () => {
  await made(api.client.post(definitions, webDocument({ name: 'plain' })));
  const keys = Object.keys(await api.keys());
  expect(keys).toContain('definition-names/plain/1.0.0');
  expect(keys).toContain(`definition-names/${acme.org}:web/1.0.0`);
  // A definition of `default` that is called as an org's id is, in a version that looks like a name.
  await made(api.client.post(definitions, webDocument({ name: acme.org })));
  expect(idsOf(await listed(`${definitions}/by-name/web/versions`, acme.admin.headers))).toEqual([acme.definition.id]);
});

test('lists show what is the own, and what is shared', async () => {
  for (const { org, admin, definition, instance, worker } of [acme, ajax]) {
    expect(idsOf(await listed(instances, admin.headers))).toEqual([instance.id]);
    expect(idsOf(await listed(definitions, admin.headers))).toEqual([definition.id]);
    expect(idsOf(await listed(workers, admin.headers))).toEqual([shared.id, worker.id]);
    expect((await listed<{ spec: { name: string } }>(templates, admin.headers)).map(({ spec }) => spec.name)).toEqual(['small', 'own']);
    expect(await listed(`${instances}?org=${org}`, admin.headers)).toHaveLength(1);
    expect(await listed(`${instances}?org=${org === acme.org ? ajax.org : acme.org}`, admin.headers)).toEqual([]);
    expect(await listed(`${instances}?project=default`, admin.headers)).toHaveLength(1);
    expect(await listed(`${workers}?org=platform`, admin.headers)).toHaveLength(1);
  }
  expect(idsOf(await listed(instances))).toEqual([acme.instance.id, ajax.instance.id]);
  expect(idsOf(await listed(`${instances}?org=${ajax.org}`))).toEqual([ajax.instance.id]);
});

test('who is confined to a project sees and uses nothing of another one', async () => {
  const { confined, project, definition } = acme;
  expect(await listed(instances, confined.headers)).toEqual([]);
  expect(await listed(definitions, confined.headers)).toEqual([]);
  expect(idsOf(await listed(workers, confined.headers))).toEqual([shared.id]);
  expect(await api.client.post(instances, { definition: { id: definition.id } }, confined.headers)).toMatchObject({ status: 404, body: { code: 'definition_not_found' } });
  expect(await api.client.post(instances, { definition: { name: 'web', version: '1.0.0' }, project: 'default' }, confined.headers)).toMatchObject({ status: 404, body: { code: 'project_not_found' } });
  const taken = await api.client.post<ProblemBody>(definitions, webDocument(), confined.headers);
  expect(taken).toMatchObject({ status: 409, body: { code: 'version_exists' } });
  expect(JSON.stringify(taken.body)).not.toContain(definition.id);
  const own = await made(api.client.post<Thing>(definitions, webDocument({ name: 'mine' }), confined.headers));
  expect(own).toMatchObject({ org: acme.org, project });
  await upToDate();
  expect(idsOf(await listed(definitions, confined.headers))).toEqual([own.id]);
  expect(await api.client.delete(`${definitions}/${own.id}`, confined.headers)).toMatchObject({ status: 409 });
});

test('nobody creates in another org, or from what is another’s, and hears the same of it as of nothing', async () => {
  const { headers } = acme.admin;
  const told = async (asked: Promise<{ readonly status: number; readonly body: ProblemBody }>, name: string) => {
    const { status, body } = await asked;
    return { status, code: body.code, detail: body.detail.replaceAll(name, '…') };
  };
  const before = await api.keys();
  const pairs: ReadonlyArray<readonly [(name: string) => Promise<{ readonly status: number; readonly body: ProblemBody }>, string, string]> = [
    [(org) => api.client.post(instances, { definition: { name: 'web', version: '1.0.0' }, org }, headers), ajax.org, 'o-none'],
    [(org) => api.client.post(`${definitions}?org=${org}`, webDocument({ name: 'new' }), headers), ajax.org, 'o-none'],
    [(org) => api.client.post(templates, { ...smallTemplate, name: 'new', org }, headers), ajax.org, 'o-none'],
    [(org) => api.client.post(templates, { ...smallTemplate, name: 'new', org }, headers), 'platform', 'o-none'],
    [(project) => api.client.post(instances, { definition: { name: 'web', version: '1.0.0' }, project }, headers), ajax.project, 'r-none'],
    [(id) => api.client.post(instances, { definition: { id } }, headers), ajax.definition.id, 'd-none'],
    [(id) => api.client.get(`${instances}/${id}/timeline`, headers), ajax.instance.id, 'i-none'],
    [(id) => api.client.get(`${workers}/${id}/ports`, headers), ajax.worker.id, 'w-none'],
    [(id) => api.client.get(`${workers}/${id}/instances`, headers), ajax.worker.id, 'w-none'],
  ];
  for (const [ask, foreign, unknown] of pairs) {
    const answer = await told(ask(foreign), foreign);
    expect(answer.status).toBe(404);
    expect(answer).toEqual(await told(ask(unknown), unknown));
  }
  expect(await api.keys()).toEqual(before);
});

test('of a shared worker a tenant sees what it is, and his own instances on it', async () => {
  const { headers } = acme.admin;
  const path = `${workers}/${shared.id}`;
  const worker = (await api.client.get<WorkerDocument>(path, headers)).body;
  expect(worker).toMatchObject({ org: 'platform', labels: { zone: 'local' }, status: { phase: 'RUNNING', health: 'Healthy' } });
  expect(worker.host).toBeUndefined();
  expect((await api.client.get<PortsView>(`${path}/ports`, headers)).body).toEqual({
    range: { from: 2000, to: 2099 },
    held: [{ port: 2000, holder: { kind: 'instance', id: acme.instance.id, port: 'http' } }],
    revision: expect.any(String) as string,
  });
  const capacity = (await api.client.get<CapacityView>(`${path}/capacity`, headers)).body;
  expect(capacity).toMatchObject({ instances: 1, declared: { cpuMillicores: 4000 } });
  expect(capacity.available).toBeUndefined();
  expect((await api.client.get<CapacityView>(`${path}/capacity`)).body).toMatchObject({ instances: 2, available: expect.anything() as unknown });
  for (const list of [`${path}/instances`, `${instances}?worker=${shared.id}`]) expect(idsOf(await listed(list, headers))).toEqual([acme.instance.id]);
  for (const past of ['history', 'snapshot?sequence=1', 'timeline']) {
    expect(await api.client.get(`${path}/${past}`, headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await api.client.get(`${path}/${past}`)).toMatchObject({ status: 200 });
  }
  for (const change of [api.client.patch(path, { paused: true }, headers), api.client.delete(path, headers)]) expect(await change).toMatchObject({ status: 403 });
  expect(await api.client.post(workers, { template: 'small' }, headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } });

  // While it drains it says how many instances it waits for: not to a tenant.
  const leaving = await made(api.client.post<Thing>(workers, { template: 'small' }));
  await lifecycle.provision(leaving.id);
  await api.client.delete(`${workers}/${leaving.id}`);
  await upToDate();
  expect((await api.client.get<WorkerDocument>(`${workers}/${leaving.id}`, headers)).body.notice).toBe('it takes no new instances');
});

test('own workers are shown as a whole, to their org alone', async () => {
  expect(acme.worker).toMatchObject({ org: acme.org });
  expect((await api.client.get<CapacityView>(`${workers}/${acme.worker.id}/capacity`, acme.admin.headers)).body.available).toBeDefined();
  expect(await api.client.get(`${workers}/${acme.worker.id}/timeline`, acme.admin.headers)).toMatchObject({ status: 200 });
  const ofPlatform = await made(api.client.post<Thing>(workers, { template: 'own', org: ajax.org }));
  expect(ofPlatform.org).toBe(ajax.org);
  expect(await api.client.get(`${workers}/${ofPlatform.id}`, acme.admin.headers)).toMatchObject({ status: 404 });
});

test('why something fits nowhere names no worker and no template of another org', async () => {
  await made(api.client.post(templates, { ...smallTemplate, name: 'large', capacity: { cpu: 64, memory: '256Gi', storage: '20Gi' } }, ajax.admin.headers));
  const large = webDocument({ name: 'large', components: [{ name: 'web', runtime: 'noop', resources: { memory: '64Gi' } }] });
  for (const { admin } of [acme, ajax]) await made(api.client.post(definitions, large, admin.headers));
  await upToDate();
  const asked = { definition: { name: 'large', version: '1.0.0' } };
  const refused = await api.client.post<ProblemBody>(instances, asked, acme.admin.headers);
  expect(refused).toMatchObject({ status: 422, body: { code: 'unplaceable' } });
  expect(JSON.stringify(refused.body)).not.toContain(ajax.worker.id);
  expect(JSON.stringify(refused.body)).not.toContain('template large');
  expect(await api.client.post(instances, asked, ajax.admin.headers)).toMatchObject({ status: 201 });
});

test('events are told to whom they concern: by polling, as a stream, and in no answer by whom from where', async () => {
  const { headers } = acme.admin;
  const revision = await api.dependencies.etcd.revision();
  const all = await polled(`?cursor=0&limit=1000&minRevision=${revision}`);
  const own = await polled(`?cursor=0&limit=1000&minRevision=${revision}`, headers);
  expect(own.length).toBeGreaterThan(5);
  expect(own).toEqual(all.filter(({ org }) => org === acme.org));
  expect(new Set(own.map(({ kind }) => kind))).toEqual(new Set(['Org', 'Project', 'Principal', 'Token', 'Definition', 'Instance', 'WorkerTemplate', 'Worker']));
  expect(await polled(`?cursor=0&org=${ajax.org}&minRevision=${revision}`, headers)).toEqual([]);
  expect(await polled(`?cursor=0&subject=${ajax.instance.id}&subject=${shared.id}&minRevision=${revision}`, headers)).toEqual([]);
  expect((await polled(`?cursor=0&limit=1000&minRevision=${revision}`, acme.confined.headers)).every(({ project }) => project === acme.project)).toBe(true);
  const viewer = await somebody(api, { org: acme.org, roles: ['viewer'] });
  await upToDate();
  expect((await polled(`?cursor=0&limit=1000&minRevision=${revision}`, viewer.headers)).some(({ kind }) => kind === 'Principal' || kind === 'Token')).toBe(false);
  expect(JSON.stringify(all)).not.toMatch(/"(clientaddress|credential|source":"(::|127))/);
});

test('two tenants who stand at the same place in the stream are each told their own', async () => {
  const readers = await Promise.all([acme, ajax].map(({ admin }) => EventConsumer.open(api.url, '', admin.headers)));
  for (const { admin } of [acme, ajax]) await made(api.client.post(definitions, webDocument({ name: 'told' }), admin.headers));
  await made(api.client.post(`${definitions}?org=${acme.org}`, webDocument({ name: 'told', version: '2.0.0' })));
  const [ofAcme, ofAjax] = readers;
  await ofAcme!.until('both of acme', ({ events }) => events.length >= 2);
  await ofAjax!.until('the one of ajax', ({ events }) => events.length >= 1);
  expect(ofAcme!.events.map(({ org }) => org)).toEqual([acme.org, acme.org]);
  expect(ofAjax!.events.map(({ org }) => org)).toEqual([ajax.org]);
  readers.forEach((reader) => reader.close());
});

test('archived objects are shown to whom they belong', async () => {
  const retired = new RetiredObjects(api.mongo);
  for (const { instance } of [acme, ajax]) {
    const { spec, status } = api.dependencies.cached.instance(instance.id)!;
    for (const project of ['default', acme.project]) {
      const id = `${instance.id.slice(0, -1)}${project === 'default' ? 'y' : 'z'}`;
      await retired.insert({ id, kind: 'Instance', spec: { ...spec.value, id, project }, status: { ...status.value, phase: 'TERMINATED' }, specRevision: 3, statusRevision: 4, epoch: 1, endedAt: spec.value.createdAt });
    }
  }
  const archived = (query: string, headers?: Somebody['headers']) => listed(`${instances}?archived=true${query}`, headers);
  expect((await archived('')).length).toBe(4);
  expect((await archived('', acme.admin.headers)).map(({ org, project }) => [org, project])).toEqual([[acme.org, 'default'], [acme.org, acme.project]]);
  expect((await archived('&project=default', ajax.admin.headers)).map(({ org }) => org)).toEqual([ajax.org]);
  expect((await archived('', acme.confined.headers)).map(({ project }) => project)).toEqual([acme.project]);
  expect(await archived(`&org=${ajax.org}`, acme.admin.headers)).toEqual([]);
});

async function polled(query: string, headers?: Somebody['headers']): Promise<CloudEvent[]> {
  return (await api.client.get<{ items: CloudEvent[] }>(`/api/v1/events${query}`, { accept: 'application/json', ...headers })).body.items;
}

test('an instance of another org’s definition is refused on the same looks at the stores as one of a definition that is not there', async () => {
  const { etcd, retired } = api.dependencies;
  const looks = [jest.spyOn(etcd, 'txn'), jest.spyOn(etcd, 'get'), jest.spyOn(etcd, 'list'), jest.spyOn(retired, 'get')];
  const cost = async (id: string) => {
    looks.forEach((look) => look.mockClear());
    expect(await api.client.post<ProblemBody>(instances, { definition: { id } }, acme.admin.headers)).toMatchObject({ status: 404, body: { code: 'definition_not_found' } });
    return looks.map((look) => look.mock.calls.length);
  };
  const missing = await cost('d-not-there');
  expect(missing.at(-1)).toBe(1);
  expect(await cost(ajax.definition.id)).toEqual(missing);
  looks.forEach((look) => look.mockRestore());
});
