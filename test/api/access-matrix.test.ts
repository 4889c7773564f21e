import { roles, scopesOfRole } from '../../src/domain/scopes';
import type { Role, Scope } from '../../src/domain/scopes';
import { seedPrincipal } from '../support/administrator';
import type { ProblemBody, Reply } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { Objects } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

/** Every route that the server documents, with every role, of the object's own org and of another. */

interface Route {
  readonly method: string;
  readonly path: string;
  readonly scope: Scope | undefined;
  readonly agents: boolean;
}

interface Documented {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly 'x-scope'?: Scope; readonly security?: ReadonlyArray<Readonly<Record<string, unknown>>> }>>>>;
}

const open = ['GET /health', 'GET /ready'];
const other = 'o-other';

let api: TestApi;
let routes: readonly Route[];
/** An object of each kind that belongs to the org `default`, or to the platform. */
let own: Readonly<Record<string, string>>;
let before: Readonly<Record<string, number>>;
/** Tokens: of each role in the org of the objects, and of an org that has nothing. */
const tokens = new Map<string, string>();
let agentToken: string;

beforeAll(async () => {
  api = await TestApi.start(freshWorld());
  const objects = new Objects(api);
  const lifecycle = new Lifecycle(api);
  const definition = await objects.definition();
  const template = await objects.template();
  const worker = await objects.worker();
  agentToken = await lifecycle.provision(worker.id);
  const instance = await objects.instance();
  const made = async (path: string, body: unknown) => (await api.client.post<{ readonly id: string }>(`/api/v1/${path}`, body)).body.id;
  const principal = await made('principals', { org: 'default', type: 'service', name: 'robot', roles: ['developer'] });
  const token = await made('tokens', { principal, description: 'of the robot' });
  const project = await made('projects', { org: 'default', name: 'shop' });
  own = { orgs: 'default', projects: project, instances: instance.id, definitions: definition.id, 'worker-templates': template.id, workers: worker.id, principals: principal, tokens: token };
  const { etcd } = api.dependencies;
  for (const role of roles.filter((each) => each !== 'platform')) {
    for (const org of ['default', other]) tokens.set(`${role} ${org}`, await seedPrincipal(etcd, { org, roles: [role] }));
  }
  before = await keys();
  const { body } = await api.client.get<Documented>('/openapi.json');
  routes = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { 'x-scope': scope, security = [] }]) => ({ method: method.toUpperCase(), path, scope, agents: security.some((each) => 'agent' in each) })),
  );
});
afterAll(() => api.stop());

/** Those that principals call. */
const publicRoutes = () => routes.filter(({ agents, scope }) => !agents && scope !== undefined);

/** Calls a route with what no route can do anything with, so that whatever happens is done by whoever lets in. */
function call({ method, path }: Route, authorization: string | undefined, ids: Readonly<Record<string, string>> = own): Promise<Reply<ProblemBody>> {
  const collection = path.split('/')[3] ?? '';
  const target = path.replace('{kind}', 'instances').replace('{name}', 'live').replace(/\{\w+\}/g, ids[collection] ?? ids['instances'] ?? 'x');
  const body = ['POST', 'PATCH'].includes(method) ? { nobodyKnowsThis: true } : undefined;
  return api.client.request<ProblemBody>(method, `${target}?nobodyKnowsThis=1`, body, { authorization: authorization ?? '' });
}

/** What is stored, but for notes of when a token was used. */
async function keys(): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await api.keys()).filter(([key]) => !key.endsWith('/used')));
}

const bearer = (token: string) => `Bearer ${token}`;

/** Kinds that all orgs may see when the platform owns them. */
const shared = ['workers', 'worker-templates'];

test('every route says what it asks for, and to nobody without a credential is anything answered', async () => {
  for (const route of routes) {
    const name = `${route.method} ${route.path}`;
    if (open.includes(name)) continue;
    expect([name, route.scope]).toEqual([name, expect.stringMatching(/^[a-z]+:[a-z]+$/)]);
    expect([name, (await call(route, undefined)).status]).toEqual([name, 401]);
    expect([name, (await call(route, bearer(`berth_k-none_${'x'.repeat(43)}`))).status]).toEqual([name, 401]);
    expect([name, (await call(route, 'Basic dXNlcjpwYXNz')).status]).toEqual([name, 401]);
  }
});

test.each(roles.filter((role): role is Exclude<Role, 'platform'> => role !== 'platform'))('a %s is let in by exactly the scopes of the role', async (role) => {
  for (const route of publicRoutes()) {
    const name = `${route.method} ${route.path}`;
    const reply = await call(route, bearer(tokens.get(`${role} default`)!));
    const collection = route.path.split('/')[3] ?? '';
    const isSharedWrite = shared.includes(collection) && route.path.includes('{id}') && !route.scope!.endsWith(':read');
    const isLetIn = scopesOfRole[role].includes(route.scope!) && !isSharedWrite;
    expect([name, reply.status === 403 ? reply.body.code : 'let in']).toEqual([name, isLetIn ? 'let in' : 'forbidden']);
    if (!isLetIn && !isSharedWrite) expect(reply.body).toMatchObject({ scope: route.scope });
  }
});

test('whoever runs Berth is let in everywhere but where agents are', async () => {
  for (const route of publicRoutes()) {
    const name = `${route.method} ${route.path}`;
    expect([name, [401, 403].includes((await call(route, bearer(api.token))).status)]).toEqual([name, false]);
  }
});

test('an agent’s token opens nothing of the public API, and a principal’s nothing of the internal one', async () => {
  for (const route of routes.filter(({ scope }) => scope !== undefined)) {
    const name = `${route.method} ${route.path}`;
    expect([name, (await call(route, bearer(route.agents ? api.token : agentToken))).status]).toEqual([name, 401]);
  }
});

test('whoever is of another org is answered as if the object were not there, word for word', async () => {
  const nowhere = Object.fromEntries(Object.keys(own).map((collection) => [collection, `${own[collection]!.slice(0, -1)}x`]));
  const ofOthers = publicRoutes().filter(({ path }) => path.includes('{id}') && !path.includes('/admin/') && !shared.includes(path.split('/')[3]!));
  expect(ofOthers.length).toBeGreaterThan(15);
  for (const role of ['developer', 'operator', 'admin'] as const) {
    for (const route of ofOthers.filter(({ scope }) => scopesOfRole[role].includes(scope!))) {
      const name = `${role} ${route.method} ${route.path}`;
      const foreign = await call(route, bearer(tokens.get(`${role} ${other}`)!));
      const missing = await call(route, bearer(tokens.get(`${role} ${other}`)!), nowhere);
      const collection = route.path.split('/')[3]!;
      expect([name, foreign.status]).toEqual([name, 404]);
      const told = (reply: Reply<ProblemBody>, id: string) => ({ ...reply.body, detail: reply.body.detail.replace(id, 'ID'), requestId: '' });
      expect(told(foreign, own[collection]!)).toEqual(told(missing, nowhere[collection]!));
      expect([...foreign.headers.keys()]).toEqual([...missing.headers.keys()]);
    }
  }
});

test('what is the platform’s and shared can be read by all, and changed by none of them', async () => {
  const ofShared = publicRoutes().filter(({ path }) => path.includes('{id}') && shared.includes(path.split('/')[3]!));
  expect(ofShared.length).toBeGreaterThan(5);
  for (const route of ofShared) {
    const name = `${route.method} ${route.path}`;
    const { status } = await call(route, bearer(tokens.get(`admin ${other}`)!));
    if (route.scope!.endsWith(':read')) expect([name, [200, 400].includes(status)]).toEqual([name, true]);
    else expect([name, status]).toEqual([name, 403]);
  }
});

test('nothing of all this has changed anything', async () => {
  expect(await keys()).toEqual(before);
});

test('who is not let in is told how to be, in words that redaction leaves as they are', async () => {
  const { body } = await api.client.get<ProblemBody>('/api/v1/instances', { authorization: '' });
  expect(body.detail).toBe('this request carries no bearer token; send it in the header Authorization, as "Bearer <token>"');
});
