import type { Reply } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, smallTemplate, templates, webDocument, workers } from './support/objects';
import { TestApi } from './support/test-api';

interface Operation {
  readonly description?: string;
  readonly responses: Readonly<Record<string, { readonly headers?: Readonly<Record<string, unknown>> }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let api: TestApi;
let objects: Objects;
let routes: Array<{ readonly method: string; readonly path: string; readonly operation: Operation }>;
let workerId: string;
/** What the ids in paths are replaced by, by the collection that they follow. */
let idIn: Readonly<Record<string, string>>;

beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  const { body } = await api.client.get<Document>('/openapi.json');
  routes = Object.entries(body.paths)
    .filter(([path]) => path.startsWith('/api/v1/'))
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));
  const definition = await objects.definition();
  const template = await objects.template();
  workerId = (await objects.worker()).id;
  await new Lifecycle(api).provision(workerId);
  const instance = await objects.instance();
  const principal = await made('principals', robot('reads'));
  const token = await made('tokens', { principal, description: 'of the robot' });
  const org = await made('orgs', { name: 'reads' });
  const project = await made('projects', { org, name: 'reads' });
  const ofAccess = { orgs: org, projects: project, principals: principal, tokens: token };
  idIn = { ...ofAccess, definitions: definition.id, 'worker-templates': template.id, workers: workerId, instances: instance.id, 'by-name': 'web' };
});
afterAll(() => api.stop());

const robot = (name: string) => ({ org: 'default', type: 'service', name, roles: ['viewer'] });

/** Makes one more of a collection; answers its id. */
async function made(collection: string, body: unknown): Promise<string> {
  const reply = await api.client.post<{ readonly id: string }>(`/api/v1/${collection}`, body);
  expect([collection, reply.status]).toEqual([collection, 201]);
  return reply.body.id;
}

/** The address of a route that reads, with what it asks for beside the id. */
function addressOf(path: string): string {
  const filled = path.replace('{kind}', 'instances').replace(/([\w-]+)\/\{\w+\}/g, (_, collection: string) => `${collection}/${idIn[collection]}`);
  return filled.endsWith('/snapshot') ? `${filled}?sequence=1&` : `${filled}?`;
}

/** Acts of operators that change no object have no revision to tell. */
const changesNothing = ['defragment', 'disarm', 'compact', 'nudge', 'nudge-all'];

test('every answer of a change or a read is documented to say its revision, and each read how fresh it is', () => {
  expect(routes.length).toBeGreaterThan(30);
  for (const { method, path, operation } of routes) {
    if (path.startsWith('/api/v1/admin/') && changesNothing.includes(path.split('/').at(-1)!)) continue;
    const success = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))?.[1];
    const route = `${method} ${path}`;
    expect({ route, headers: Object.keys(success?.headers ?? {}) }).toEqual({ route, headers: expect.arrayContaining(['Berth-Revision']) });
    if (method === 'GET') expect({ route, description: operation.description }).toEqual({ route, description: expect.stringMatching(/Consistency: (eventual|read-your-writes)/) });
  }
});

test('every read shows what was done up to minRevision, and says which revision it shows', async () => {
  for (const { path } of routes.filter(({ method }) => method === 'GET')) {
    const address = addressOf(path);
    const { headers } = await api.client.patch(`${workers}/${workerId}`, { labels: { read: String(Math.random()) } });
    const changedAt = Number(headers.get('berth-revision'));
    const reply = await api.client.get(`${address}minRevision=${changedAt}`);
    const shown = Number(reply.headers.get('berth-revision') ?? NaN);
    expect({ path, status: reply.status, isShown: shown >= changedAt }).toEqual({ path, status: 200, isShown: true });
    const beyond = await api.client.get(`${address}minRevision=${changedAt + 1_000_000}`);
    expect({ path, status: beyond.status, body: beyond.body }).toEqual({ path, status: 400, body: expect.objectContaining({ code: 'revision_unknown' }) });
  }
});

describe('a change', () => {
  const newInstance = { definition: { name: 'web', version: '1.0.0' } };
  const failure = { class: 'configuration', reason: 'PortTaken', message: '' } as const;
  const running = async () => {
    const { id } = await objects.instance();
    await new Lifecycle(api).run(id, workerId, {});
    return id;
  };
  const lifecycle = () => new Lifecycle(api);

  /** One request for each route that changes something. */
  const changes: Readonly<Record<string, () => Promise<Reply<unknown>>>> = {
    'POST /api/v1/definitions': () => api.client.post(definitions, webDocument({ name: 'posted' })),
    'POST /api/v1/definitions/{id}/sync': () => api.client.post(`${definitions}/${idIn['definitions']}/sync`),
    'POST /api/v1/definitions/{id}/deprecate': async () => api.client.post(`${definitions}/${(await objects.definition(webDocument({ name: 'old' }))).id}/deprecate`),
    'DELETE /api/v1/definitions/{id}': async () => {
      const { id } = await objects.definition(webDocument({ name: 'older' }));
      await api.client.post(`${definitions}/${id}/deprecate`);
      return api.client.delete(`${definitions}/${id}`);
    },
    'POST /api/v1/instances': () => api.client.post(instances, newInstance),
    'PATCH /api/v1/instances/{id}': async () => api.client.patch(`${instances}/${idIn['instances']}`, { labels: { a: 'b' } }),
    'POST /api/v1/instances/{id}/rollback': async () => api.client.post(`${instances}/${idIn['instances']}/rollback`, { sequence: 1 }),
    'POST /api/v1/instances/{id}/start': async () => {
      const id = await running();
      await api.client.post(`${instances}/${id}/stop`);
      await lifecycle().begin(id, 'stop');
      return api.client.post(`${instances}/${id}/start`);
    },
    'POST /api/v1/instances/{id}/stop': async () => api.client.post(`${instances}/${await running()}/stop`),
    'POST /api/v1/instances/{id}/retry': async () => {
      const { id } = await objects.instance();
      await lifecycle().place(id, workerId, {});
      await lifecycle().begin(id, 'start');
      await lifecycle().fail(id, 'start', failure);
      await lifecycle().complete(id, 'undo');
      return api.client.post(`${instances}/${id}/retry`);
    },
    'DELETE /api/v1/instances/{id}': async () => api.client.delete(`${instances}/${(await objects.instance()).id}`),
    'POST /api/v1/worker-templates': () => api.client.post(templates, { ...smallTemplate, name: 'posted' }),
    'DELETE /api/v1/worker-templates/{id}': async () => api.client.delete(`${templates}/${await made('worker-templates', { ...smallTemplate, name: 'deleted' })}`),
    'POST /api/v1/orgs': () => api.client.post('/api/v1/orgs', { name: 'posted' }),
    'PATCH /api/v1/orgs/{id}': () => api.client.patch(`/api/v1/orgs/${idIn['orgs']}`, { name: 'renamed' }),
    'POST /api/v1/orgs/{id}/suspend': () => api.client.post(`/api/v1/orgs/${idIn['orgs']}/suspend`),
    'POST /api/v1/orgs/{id}/resume': () => api.client.post(`/api/v1/orgs/${idIn['orgs']}/resume`),
    'DELETE /api/v1/orgs/{id}': async () => api.client.delete(`/api/v1/orgs/${await made('orgs', { name: 'deleted' })}`),
    'POST /api/v1/projects': () => api.client.post('/api/v1/projects', { org: idIn['orgs'], name: 'posted' }),
    'PATCH /api/v1/projects/{id}': () => api.client.patch(`/api/v1/projects/${idIn['projects']}`, { name: 'renamed' }),
    'DELETE /api/v1/projects/{id}': async () => api.client.delete(`/api/v1/projects/${await made('projects', { org: idIn['orgs'], name: 'deleted' })}`),
    'POST /api/v1/principals': () => api.client.post('/api/v1/principals', robot('posted')),
    'PATCH /api/v1/principals/{id}': () => api.client.patch(`/api/v1/principals/${idIn['principals']}`, { roles: ['developer'] }),
    'DELETE /api/v1/principals/{id}': async () => api.client.delete(`/api/v1/principals/${await made('principals', robot('deleted'))}`),
    'POST /api/v1/tokens': () => api.client.post('/api/v1/tokens', { principal: idIn['principals'], description: 'posted' }),
    'POST /api/v1/tokens/{id}/rotate': () => api.client.post(`/api/v1/tokens/${idIn['tokens']}/rotate`),
    'DELETE /api/v1/tokens/{id}': async () => api.client.delete(`/api/v1/tokens/${await made('tokens', { principal: idIn['principals'], description: 'revoked' })}`),
    'POST /api/v1/workers': () => api.client.post(workers, { template: 'small' }),
    'PATCH /api/v1/workers/{id}': () => api.client.patch(`${workers}/${workerId}`, { paused: true }),
    'POST /api/v1/workers/{id}/rollback': () => api.client.post(`${workers}/${workerId}/rollback`, { sequence: 1 }),
    'POST /api/v1/workers/{id}/retry': async () => {
      const { id } = await objects.worker();
      await lifecycle().giveUpWorker(id);
      return api.client.post(`${workers}/${id}/retry`);
    },
    'DELETE /api/v1/workers/{id}': async () => api.client.delete(`${workers}/${(await objects.worker()).id}`),
  };

  test('is here for every route of a resource that changes something', () => {
    const mutating = routes.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/api/v1/admin/')).map(({ method, path }) => `${method} ${path}`);
    expect(Object.keys(changes).sort()).toEqual(mutating.sort());
  });

  test.each(Object.keys(changes))('answers the revision from which on reads show it, and an ETag: %s', async (route) => {
    const { status, headers } = await changes[route]!();
    expect(status).toBeLessThan(300);
    const revision = Number(headers.get('berth-revision') ?? NaN);
    expect(revision).toBeGreaterThan(0);
    expect(revision).toBeLessThanOrEqual(await api.dependencies.etcd.revision());
    expect(headers.get('etag')).toMatch(/^"\d+"$/);
    expect(headers.get('idempotency-key')).not.toBeNull();
  });
});
