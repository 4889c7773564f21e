import type { PrincipalView } from '../../src/api/principals/schemas';
import type { TokenView } from '../../src/api/tokens/schemas';
import type { Page } from '../../src/api/http/paging';
import { keys } from '../../src/stores/etcd/keys';
import { seedPrincipal } from '../support/administrator';
import { as, made, principals, somebody, tokens } from './support/access';
import type { ProblemBody } from './support/client';
import { freshWorld, TestApi } from './support/test-api';

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start(freshWorld());
});
afterAll(() => api.stop());

/** A tenant, as it lies in etcd. */
async function org(id: string, differences: Record<string, unknown> = {}): Promise<string> {
  const spec = { schemaVersion: 1, id, org: 'platform', project: 'default', kind: 'Org', name: id, displayName: id, suspended: false, closing: false, quota: {}, generation: 1, sequence: 1, labels: {}, cause: { actor: 'test' }, ...differences };
  await api.dependencies.etcd.raw.put(api.dependencies.etcd.key(keys.orgSpec(id))).value(JSON.stringify(spec));
  return id;
}

test('a principal is made, shown, changed and deleted', async () => {
  const { status, body, headers } = await api.client.post<PrincipalView>(principals, { name: 'mia', type: 'user', roles: ['viewer'], scopes: ['audit:read'] });
  expect(status).toBe(201);
  expect(headers.get('location')).toBe(`${principals}/${body.id}`);
  expect(body).toMatchObject({ kind: 'Principal', org: 'default', project: 'default', spec: { name: 'mia', roles: ['viewer'], scopes: ['audit:read'], disabled: false } });
  expect((await api.client.get<PrincipalView>(`${principals}/${body.id}`)).body).toMatchObject({ id: body.id, generation: 1 });

  const changed = await api.client.patch<PrincipalView>(`${principals}/${body.id}`, { name: 'mia-b', roles: ['developer'], projects: ['default'] }, { 'if-match': headers.get('etag')! });
  expect(changed).toMatchObject({ status: 200, body: { generation: 2, spec: { name: 'mia-b', roles: ['developer'], projects: ['default'] } } });
  expect(await api.client.patch<PrincipalView>(`${principals}/${body.id}`, { projects: null })).toMatchObject({ status: 200, body: { generation: 3 } });
  expect(await api.client.patch<ProblemBody>(`${principals}/${body.id}`, { disabled: true }, { 'if-match': headers.get('etag')! })).toMatchObject({ status: 412 });

  const deleted = await api.client.delete<PrincipalView>(`${principals}/${body.id}`);
  expect(deleted).toMatchObject({ status: 200, body: { spec: { disabled: true } } });
  expect(await api.client.get(`${principals}/${body.id}`)).toMatchObject({ status: 404, body: { code: 'principal_not_found' } });
});

test('a name is taken once in an organisation, and free again when it was given up', async () => {
  const first = await made(api.client.post<PrincipalView>(principals, { name: 'taken', type: 'service' }));
  expect(await api.client.post(principals, { name: 'taken', type: 'service' })).toMatchObject({ status: 409, body: { code: 'principal_exists', field: 'name' } });
  expect(await api.client.post(principals, { name: 'taken', type: 'service', org: 'platform' })).toMatchObject({ status: 201 });
  const second = await made(api.client.post<PrincipalView>(principals, { name: 'other', type: 'service' }));
  expect(await api.client.patch(`${principals}/${second.id}`, { name: 'taken' })).toMatchObject({ status: 409, body: { code: 'principal_exists' } });
  expect(await api.client.patch(`${principals}/${first.id}`, { name: 'was-taken' })).toMatchObject({ status: 200 });
  expect(await api.client.patch(`${principals}/${second.id}`, { name: 'taken' })).toMatchObject({ status: 200 });
  await api.client.delete(`${principals}/${second.id}`);
  expect(await api.client.post(principals, { name: 'taken', type: 'service' })).toMatchObject({ status: 201 });
});

test('an external identity is one principal, in whatever organisation', async () => {
  const external = { issuer: 'https://issuer.example', subject: 'somebody|1' };
  const first = await made(api.client.post<PrincipalView>(principals, { name: 'external-a', type: 'user', external }));
  expect(await api.client.post(principals, { name: 'external-b', type: 'user', external, org: 'platform' })).toMatchObject({ status: 409, body: { code: 'principal_exists', field: 'external' } });
  expect(await api.client.patch(`${principals}/${first.id}`, { external: null })).toMatchObject({ status: 200 });
  expect(await api.client.post(principals, { name: 'external-b', type: 'user', external, org: 'platform' })).toMatchObject({ status: 201 });
});

test('an external identity is named by whoever was given that, and taken away by whoever changes the principal', async () => {
  const [admin, linker] = [await somebody(api, { roles: ['admin'] }), await somebody(api, { roles: ['admin'], scopes: ['principals:link'] })];
  const external = { issuer: 'https://issuer.example', subject: 'of-somebody-else' };
  const problem = { status: 403, body: { code: 'forbidden', scope: 'principals:link' } };
  const wanted = { name: 'linked', type: 'user', roles: ['viewer'], external };
  expect(await api.client.post(principals, wanted, admin.headers)).toMatchObject(problem);
  expect(await api.client.patch(`${principals}/${admin.principal.id}`, { external }, admin.headers)).toMatchObject(problem);
  const linked = await made(api.client.post<PrincipalView>(principals, wanted, linker.headers));
  expect(await api.client.patch(`${principals}/${linked.id}`, { external: null }, admin.headers)).toMatchObject({ status: 200 });
  expect(await api.client.patch(`${principals}/${linked.id}`, { external }, admin.headers)).toMatchObject(problem);
  expect(await api.client.patch(`${principals}/${linked.id}`, { external }, linker.headers)).toMatchObject({ status: 200, body: { spec: { external } } });
});

test('of many who want one name at once, one gets it', async () => {
  const replies = await Promise.all(Array.from({ length: 12 }, () => api.client.post<ProblemBody>(principals, { name: 'wanted', type: 'user' })));
  expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 11 }, () => 409)]);
});

test('nobody gives more than he has, not even to himself', async () => {
  const admin = await somebody(api, { roles: ['admin'] });
  const confined = await somebody(api, { roles: ['admin'], projects: ['default'] });
  const mighty = await somebody(api, { roles: ['admin'], scopes: ['orgs:suspend'] });
  const highest = await somebody(api, { roles: ['platform'], org: 'platform' });
  const ask = (body: Record<string, unknown>, headers = admin.headers) => api.client.post<ProblemBody>(principals, { name: 'wants-more', type: 'user', ...body }, headers);
  const change = (id: string, body: Record<string, unknown>, headers = admin.headers) => api.client.patch<ProblemBody>(`${principals}/${id}`, body, headers);

  expect(await ask({ roles: ['platform'] })).toMatchObject({ status: 403, body: { code: 'forbidden', scopes: expect.arrayContaining(['quotas:write']) } });
  expect(await ask({ scopes: ['ledger:repair'] })).toMatchObject({ status: 403, body: { scopes: ['ledger:repair'] } });
  expect(await ask({ scopes: ['plan:follow'] }, highest.headers)).toMatchObject({ status: 403 });
  expect(await ask({ org: 'platform' })).toMatchObject({ status: 403, body: { org: 'platform' } });
  expect(await ask({ org: await org('o-other') })).toMatchObject({ status: 403, body: { org: 'o-other' } });
  expect(await ask({ org: 'o-absent' })).toMatchObject({ status: 403 });
  expect(await ask({ roles: ['viewer'] }, confined.headers)).toMatchObject({ status: 403, body: { projects: ['default'] } });
  expect(await ask({ roles: ['viewer'], projects: ['default'] }, confined.headers)).toMatchObject({ status: 201 });

  expect(await change(admin.principal.id, { scopes: ['quotas:write'] })).toMatchObject({ status: 403, body: { scopes: ['quotas:write'] } });
  expect(await change(confined.principal.id, { projects: null }, confined.headers)).toMatchObject({ status: 403 });
  // Whoever names the external identity of somebody mightier, or lets him in again, would be him.
  expect(await change(mighty.principal.id, { external: { issuer: 'https://mine.example', subject: 'me' } })).toMatchObject({ status: 403 });
  expect(await change(mighty.principal.id, { disabled: true })).toMatchObject({ status: 200 });
  expect(await change(mighty.principal.id, { disabled: false })).toMatchObject({ status: 403 });
  expect(await change(mighty.principal.id, { roles: ['viewer'] })).toMatchObject({ status: 200 });
  const viewer = await somebody(api, { roles: ['viewer'] });
  expect(await api.client.get(principals, viewer.headers)).toMatchObject({ status: 403, body: { scope: 'principals:read' } });
});

test('whoever runs Berth is confined to no projects', async () => {
  const problem = { status: 400, body: { code: 'invalid_request', errors: [{ path: 'projects' }] } };
  expect(await api.client.post(principals, { name: 'confined', type: 'user', org: 'platform', projects: ['default'] })).toMatchObject(problem);
  const { principal } = await somebody(api, { org: 'platform' });
  expect(await api.client.patch(`${principals}/${principal.id}`, { projects: ['default'] })).toMatchObject(problem);
});

test('what acts on the whole installation is given to no principal of an organisation, whoever asks', async () => {
  for (const wanted of [{ roles: ['platform'] }, { scopes: ['log:read'] }]) {
    const problem = { status: 403, body: { code: 'forbidden', scopes: expect.arrayContaining(['log:read']) } };
    expect(await api.client.post(principals, { name: 'of-an-org', type: 'user', ...wanted })).toMatchObject(problem);
    const { principal } = await somebody(api);
    expect(await api.client.patch(`${principals}/${principal.id}`, wanted)).toMatchObject(problem);
    expect(await api.client.post(principals, { name: `of-${Object.keys(wanted)[0]!}`, type: 'user', org: 'platform', ...wanted })).toMatchObject({ status: 201 });
  }
  // One of an older version, that was given it then.
  const token = await seedPrincipal(api.dependencies.etcd, { org: 'default', roles: ['platform'] });
  expect(await api.client.get('/metrics', as(token))).toMatchObject({ status: 403, body: { scope: 'metrics:read' } });
  expect(await api.client.get('/metrics')).toMatchObject({ status: 200 });
});

test('principals of another organisation, and of the platform, are not there', async () => {
  const other = await org('o-walls');
  const admin = await somebody(api, { roles: ['admin'], org: other });
  const stranger = await somebody(api, { roles: ['viewer'] });
  for (const id of [stranger.principal.id, 'p-absent']) {
    const problem = { status: 404, body: { code: 'principal_not_found', detail: `principal ${id} does not exist` } };
    expect(await api.client.get(`${principals}/${id}`, admin.headers)).toMatchObject({ status: 404, body: { code: problem.body.code } });
    expect(await api.client.patch(`${principals}/${id}`, { disabled: true }, admin.headers)).toMatchObject({ status: 404 });
    expect(await api.client.delete(`${principals}/${id}`, admin.headers)).toMatchObject({ status: 404 });
    expect(await api.client.post(tokens, { principal: id }, admin.headers)).toMatchObject({ status: 404, body: { code: 'principal_not_found' } });
  }
  const { body } = await api.client.get<Page<PrincipalView>>(principals, admin.headers);
  expect(body.items.map(({ id }) => id)).toEqual([admin.principal.id]);
  expect((await api.client.get<Page<PrincipalView>>(`${principals}?org=${other}`)).body.items.map(({ id }) => id)).toEqual([admin.principal.id]);
});

test('an organisation that is suspended or being deleted takes nobody new, whatever a cache remembers', async () => {
  expect(await api.client.post(principals, { name: 'a', type: 'user', org: 'o-absent' })).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
  expect(await api.client.post(principals, { name: 'a', type: 'user', org: await org('o-suspended', { suspended: true }) })).toMatchObject({ status: 403, body: { code: 'org_suspended' } });
  expect(await api.client.post(principals, { name: 'a', type: 'user', org: await org('o-closing', { closing: true }) })).toMatchObject({ status: 409, body: { code: 'org_closing' } });
  const burst = await org('o-burst');
  const asking = Array.from({ length: 20 }, (_, number) => api.client.post<PrincipalView>(principals, { name: `n-${number}`, type: 'user', org: burst }));
  await org('o-burst', { suspended: true });
  const suspendedAt = (await api.dependencies.etcd.get(keys.orgSpec(burst)))!.revision;
  for (const { status, body } of await Promise.all(asking)) if (status === 201) expect(Number(body.revision)).toBeLessThan(suspendedAt);
  expect(await api.client.post(principals, { name: 'late', type: 'user', org: burst })).toMatchObject({ status: 403 });
});

test('somebody is confined to projects that are there, and of the same organisation', async () => {
  const project = async (name: string, of: string) => (await made(api.client.post<{ id: string }>('/api/v1/projects', { name, org: of }))).id;
  const [own, other] = [await project('own', 'default'), await project('others', await org('o-projects'))];
  const { principal } = await somebody(api, { projects: [own] });
  for (const unknown of ['j-absent', other]) {
    const problem = { status: 404, body: { code: 'project_not_found' } };
    expect(await api.client.post(principals, { name: 'nowhere', type: 'user', projects: [own, unknown] })).toMatchObject(problem);
    expect(await api.client.patch(`${principals}/${principal.id}`, { projects: [own, unknown] })).toMatchObject(problem);
  }
  // What it is confined to already is not asked again: whoever changes it otherwise is not kept from it.
  expect(await api.client.patch(`${principals}/${principal.id}`, { name: 'in-own', projects: [own, 'default'] })).toMatchObject({ status: 200 });
});

test('a deleted principal takes all its tokens along, and no token is made beside its end', async () => {
  const doomed = await somebody(api);
  const more = Array.from({ length: 30 }, () => made(api.client.post<TokenView>(tokens, { principal: doomed.principal.id })));
  const secrets = (await Promise.all(more)).map((token) => as(token as never));
  const beside = Array.from({ length: 10 }, () => api.client.post<TokenView>(tokens, { principal: doomed.principal.id }));
  expect(await api.client.delete(`${principals}/${doomed.principal.id}`, { 'idempotency-key': 'the-end' })).toMatchObject({ status: 200 });
  const replies = await Promise.all(beside);
  for (const { status } of replies) expect([201, 404, 409]).toContain(status);
  const left = Object.keys(await api.keys()).filter((key) => key.startsWith('tokens/'));
  const mine = new Set(replies.flatMap(({ status, body }) => (status === 201 ? [body.id] : [])));
  expect(left.filter((key) => mine.has(key.split('/')[1]!))).toEqual([]);
  for (const headers of [doomed.headers, ...secrets]) expect(await api.client.get('/api/v1/instances', headers)).toMatchObject({ status: 401 });
  // The same request again hears the same, though there is nothing left of it.
  expect(await api.client.delete(`${principals}/${doomed.principal.id}`, { 'idempotency-key': 'the-end' })).toMatchObject({ status: 200, body: { id: doomed.principal.id } });
  expect(await api.client.delete(`${principals}/${doomed.principal.id}`)).toMatchObject({ status: 404 });
});
