import type { Page } from '../../src/api/http/paging';
import type { NewTokenView, TokenView } from '../../src/api/tokens/schemas';
import { tokensPerPrincipalMax, tokenTtlMsDefault, tokenTtlMsMax } from '../../src/domain/limits';
import { eventually } from '../support/etcd';
import { as, made, principals, somebody, tokens } from './support/access';
import type { ProblemBody } from './support/client';
import { recordAll } from './support/recorder';
import { instances } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

const world = freshWorld();
let api: TestApi;
let other: TestApi;
beforeAll(async () => {
  [api, other] = await Promise.all([TestApi.start(world), TestApi.start(world)]);
});
afterAll(() => Promise.all([api.stop(), other.stop()]));

const statusOf = async (token: NewTokenView, at = api) => (await at.client.get(instances, as(token))).status;

test('a token lets in whoever holds it, on every server, until it is revoked', async () => {
  const { principal, headers } = await somebody(api);
  const before = Date.now();
  const reply = await api.client.post<NewTokenView>(tokens, { description: 'of a pipeline' }, headers);
  expect(reply).toMatchObject({ status: 201, body: { kind: 'Token', secretShown: true, spec: { principal: principal.id, description: 'of a pipeline' } } });
  const token = reply.body;
  expect(reply.headers.get('location')).toBe(`${tokens}/${token.id}`);
  expect(token.secret).toMatch(new RegExp(`^berth_${token.id}_[A-Za-z0-9_-]{43}$`));
  expect(Date.parse(token.spec.expiresAt) - before).toBeGreaterThanOrEqual(tokenTtlMsDefault);
  expect(await statusOf(token)).toBe(200);
  expect(await statusOf(token, other)).toBe(200);

  expect((await api.client.get<TokenView>(`${tokens}/${token.id}`, headers)).body).not.toHaveProperty('secret');
  expect(await api.client.delete(`${tokens}/${token.id}`, headers)).toMatchObject({ status: 200, body: { spec: { revokedAt: expect.any(String) } } });
  await eventually('the server that revoked it knows', async () => (await statusOf(token)) === 401, 5_000);
  await eventually('the other one knows', async () => (await statusOf(token, other)) === 401, 5_000);
  // For good: to revoke again changes nothing, and there is nothing to replace.
  expect(await api.client.delete(`${tokens}/${token.id}`, headers)).toMatchObject({ status: 200, body: { generation: 2 } });
  expect(await api.client.post(`${tokens}/${token.id}/rotate`, undefined, headers)).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
});

test('a repeated request hears of its token, but not its secret again', async () => {
  const { headers } = await somebody(api);
  const key = { ...headers, 'idempotency-key': 'one-token' };
  const replies = await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 ? api : other).client.post<NewTokenView>(tokens, { description: 'once' }, key)));
  expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
  expect(replies.filter(({ body }) => body.secret !== undefined)).toHaveLength(1);
  for (const { status, body, headers: answered } of replies) {
    expect(status).toBe(201);
    expect(body.secretShown).toBe(body.secret !== undefined);
    expect(answered.get('idempotency-replayed')).toBe(body.secretShown ? null : 'true');
  }
  expect(await api.client.post(tokens, { description: 'another' }, key)).toMatchObject({ status: 409, body: { code: 'idempotency_key_reuse' } });
});

test('a token is narrowed to what its principal may do, and lets nobody beyond', async () => {
  const { principal, headers } = await somebody(api, { roles: ['developer'] });
  const narrow = await made(api.client.post<NewTokenView>(tokens, { scopes: ['instances:read', 'tokens:write', 'tokens:read'] }, headers));
  expect(await statusOf(narrow)).toBe(200);
  expect(await api.client.get('/api/v1/workers', as(narrow))).toMatchObject({ status: 403, body: { scope: 'workers:read' } });
  expect(await api.client.post(tokens, { scopes: ['ledger:repair'] }, headers)).toMatchObject({ status: 403, body: { scopes: ['ledger:repair'] } });
  // What it makes is as narrow as it is itself, and it cannot come by the secret of what is not.
  const child = await made(api.client.post<NewTokenView>(tokens, {}, as(narrow)));
  expect(child.spec.scopes).toEqual(narrow.spec.scopes);
  expect(await api.client.post(tokens, { scopes: ['workers:read'] }, as(narrow))).toMatchObject({ status: 403, body: { scopes: ['workers:read'] } });
  const wide = await made(api.client.post<NewTokenView>(tokens, {}, headers));
  expect(await api.client.post(`${tokens}/${wide.id}/rotate`, undefined, as(narrow))).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  // The role is taken away: the token goes along, without being changed.
  expect(await api.client.patch(`${principals}/${principal.id}`, { roles: [], scopes: ['workers:read'] })).toMatchObject({ status: 200 });
  await eventually('it may do nothing', async () => (await statusOf(narrow)) === 403, 5_000);
});

test('tokens of others take the right to give access, and are else not there', async () => {
  const [admin, dev, confined] = await Promise.all([somebody(api, { roles: ['admin'] }), somebody(api), somebody(api, { roles: ['admin'], projects: ['default'] })]);
  const mighty = await somebody(api, { scopes: ['orgs:suspend', 'instances:read'] });
  const ids = async (headers: Record<string, string>) => (await api.client.get<Page<TokenView>>(`${tokens}?limit=200`, headers)).body.items.map(({ id }) => id);
  expect(await ids(dev.headers)).toEqual([dev.token.id]);
  expect(await ids(admin.headers)).toEqual(expect.arrayContaining([admin.token.id, dev.token.id]));
  expect((await api.client.get<Page<TokenView>>(`${tokens}?principal=${dev.principal.id}`, admin.headers)).body.items).toHaveLength(1);
  for (const headers of [dev.headers, confined.headers]) {
    for (const path of [`${tokens}/${admin.token.id}`, `${tokens}/k-absent`]) {
      expect(await api.client.get(path, headers)).toMatchObject({ status: 404, body: { code: 'token_not_found' } });
      expect(await api.client.delete(path, headers)).toMatchObject({ status: 404, body: { code: 'token_not_found' } });
      expect(await api.client.post(`${path}/rotate`, undefined, headers)).toMatchObject({ status: 404, body: { code: 'token_not_found' } });
    }
  }
  expect(await api.client.post(tokens, { principal: admin.principal.id }, dev.headers)).toMatchObject({ status: 403, body: { scope: 'principals:write' } });
  // Who may give access still makes no token for somebody who may do more, unless it is narrowed to what he may do himself.
  expect(await api.client.post(tokens, { principal: mighty.principal.id }, admin.headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(await api.client.post(`${tokens}/${mighty.token.id}/rotate`, undefined, admin.headers)).toMatchObject({ status: 403 });
  expect(await api.client.post(tokens, { principal: mighty.principal.id, scopes: ['instances:read'] }, admin.headers)).toMatchObject({ status: 201 });
  expect(await api.client.post(tokens, { principal: dev.principal.id }, admin.headers)).toMatchObject({ status: 201 });
  expect(await api.client.delete(`${tokens}/${mighty.token.id}`, admin.headers)).toMatchObject({ status: 200 });
});

test('whoever is confined to the project default has no part in those who are not, nor in the org', async () => {
  const org = (await made(api.client.post<{ id: string }>('/api/v1/orgs', { name: 'confining' }))).id;
  const [confined, wide, within] = await Promise.all([{ roles: ['admin'], projects: ['default'] }, { roles: ['admin'] }, { roles: ['viewer'], projects: ['default'] }].map((wanted) => somebody(api, { org, ...wanted })));
  const listed = async (path: string) => (await api.client.get<Page<{ id: string }>>(path, confined!.headers)).body.items.map(({ id }) => id).sort();
  expect(await listed(tokens)).toEqual([confined!.token.id, within!.token.id].sort());
  expect(await listed(principals)).toEqual([confined!.principal.id, within!.principal.id].sort());
  for (const path of [`${tokens}/${wide!.token.id}`, `${principals}/${wide!.principal.id}`]) {
    expect(await api.client.get(path, confined!.headers)).toMatchObject({ status: 404 });
    expect(await api.client.delete(path, confined!.headers)).toMatchObject({ status: 404 });
  }
  expect(await api.client.post(`${tokens}/${wide!.token.id}/rotate`, undefined, confined!.headers)).toMatchObject({ status: 404 });
  expect(await api.client.post(tokens, { principal: wide!.principal.id }, confined!.headers)).toMatchObject({ status: 404 });
  expect(await api.client.get(`/api/v1/orgs/${org}`, confined!.headers)).toMatchObject({ status: 200 });
  expect(await api.client.patch(`/api/v1/orgs/${org}`, { name: 'renamed' }, confined!.headers)).toMatchObject({ status: 403 });
  expect(await api.client.delete(`${tokens}/${within!.token.id}`, confined!.headers)).toMatchObject({ status: 200 });
});

test('a replaced token stays good for the overlap, and its successor beyond it', async () => {
  const { headers, principal } = await somebody(api);
  const first = await made(api.client.post<NewTokenView>(tokens, { description: 'turns', expiresIn: '10d', scopes: ['instances:read'] }, headers));
  const second = await made(api.client.post<NewTokenView>(`${tokens}/${first.id}/rotate`, undefined, headers));
  expect(second).toMatchObject({ secretShown: true, spec: { principal: principal.id, description: 'turns', scopes: ['instances:read'] } });
  expect(Math.abs(Date.parse(second.spec.expiresAt) - Date.parse(first.spec.expiresAt))).toBeLessThan(60_000);
  expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200]);
  const replaced = (await api.client.get<TokenView>(`${tokens}/${first.id}`, headers)).body;
  expect(replaced.spec.replacedBy).toBe(second.id);
  expect(Date.parse(replaced.spec.expiresAt) - Date.now()).toBeLessThanOrEqual(60 * 60 * 1000);
  expect(await api.client.post(`${tokens}/${first.id}/rotate`, undefined, headers)).toMatchObject({ status: 409, body: { code: 'invalid_transition', replacedBy: second.id } });

  const third = await made(api.client.post<NewTokenView>(`${tokens}/${second.id}/rotate?overlap=0s`, undefined, headers));
  await eventually('the old one is over', async () => (await statusOf(second)) === 401, 5_000);
  expect(await statusOf(third)).toBe(200);
  const turns = await Promise.all(Array.from({ length: 6 }, (_, n) => (n % 2 ? api : other).client.post<ProblemBody>(`${tokens}/${third.id}/rotate`, undefined, headers)));
  expect(turns.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
});

test('a token ends by itself, and lasts no longer than it may', async () => {
  const { headers } = await somebody(api);
  expect(await api.client.post(tokens, { expiresIn: `${tokenTtlMsMax / 86_400_000 + 1}d` }, headers)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.client.post(tokens, { expiresIn: '1s' }, headers)).toMatchObject({ status: 400 });
  const token = await made(api.client.post<NewTokenView>(tokens, {}, headers));
  // The store is told that it has expired: no test waits for a minute.
  const { etcd } = api.dependencies;
  const key = `tokens/${token.id}/spec`;
  const { value } = (await etcd.get(key))!;
  await etcd.raw.put(etcd.key(key)).value(JSON.stringify({ ...(value as object), expiresAt: new Date(Date.now() - 1).toISOString() }));
  await eventually('it is over', async () => (await statusOf(token)) === 401, 5_000);
  expect(await api.client.post(`${tokens}/${token.id}/rotate`, undefined, headers)).toMatchObject({ status: 409 });
});

const wrongly: ReadonlyArray<readonly [string, (token: string) => string]> = [
  ['is cut', (token) => token.slice(0, -1)],
  ['is too long', (token) => `${token}A`],
  ['has another end', (token) => `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`],
  ['names another token', (token) => token.replace(/_k-[^_]+_/, '_k-another_')],
  ['is the secret alone', (token) => token.slice(-43)],
  ['is in capitals', (token) => token.toUpperCase()],
  ['has a key for an id', (token) => token.replace(/_k-[^_]+_/, '_../x_')],
  ['is empty', () => ''],
  ['is longer than any', () => 'x'.repeat(9_000)],
];

test.each(wrongly)('a token that %s lets in nobody', async (_what, spoil) => {
  const reply = await api.client.get<ProblemBody>(instances, { authorization: `Bearer ${spoil(api.token)}` });
  expect(reply).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer/);
  expect(await api.client.get(instances, { authorization: `Basic ${api.token}` })).toMatchObject({ status: 401 });
});

test('a principal holds a bounded number of tokens, and those that are over make room', async () => {
  const { principal, headers, token } = await somebody(api);
  const make = () => api.client.post<NewTokenView>(tokens, { principal: principal.id });
  for (let count = 1; count < tokensPerPrincipalMax; count += 1) expect((await make()).status).toBe(201);
  expect(await make()).toMatchObject({ status: 409, body: { code: 'token_limit', limit: tokensPerPrincipalMax } });
  const { body } = await api.client.get<Page<TokenView>>(`${tokens}?principal=${principal.id}&limit=200`, headers);
  const gone = body.items.find(({ id }) => id !== token.id)!;
  await api.client.delete(`${tokens}/${gone.id}`, headers);
  expect(await make()).toMatchObject({ status: 201 });
  expect(await api.client.get(`${tokens}/${gone.id}`, headers)).toMatchObject({ status: 404 });
  expect(Object.keys(await api.keys()).filter((key) => key.startsWith(`tokens/${gone.id}`))).toEqual([]);
});

test('the last use of a token is shown, and stored once for many requests', async () => {
  const { headers, token } = await somebody(api);
  for (let count = 0; count < 5; count += 1) await api.client.get(instances, headers);
  const shown = async () => (await api.client.get<TokenView>(`${tokens}/${token.id}`)).body.lastUsedAt;
  await eventually('it is shown', async () => (await shown()) !== undefined);
  const storedAt = async () => (await api.dependencies.etcd.get(`tokens/${token.id}/used`))?.revision;
  const revision = await storedAt();
  for (let count = 0; count < 5; count += 1) await api.client.get(instances, headers);
  expect(await storedAt()).toBe(revision);
});

test('no secret is stored anywhere', async () => {
  const { headers, token, principal } = await somebody(api);
  const second = await made(api.client.post<NewTokenView>(`${tokens}/${token.id}/rotate`, undefined, headers));
  await api.client.get(instances, as(second));
  await api.client.patch(`${principals}/${principal.id}`, { roles: ['viewer'] });
  await api.client.delete(`${tokens}/${second.id}`);
  await recordAll(api);
  const { entries } = await api.dependencies.etcd.list('');
  const stored = entries.map((entry) => JSON.stringify(entry)).join('\n');
  const documents = await Promise.all((await api.mongo.collectionNames()).map((name) => api.mongo.collection(name).find({}).toArray()));
  const recorded = JSON.stringify(documents);
  expect(recorded).toContain(token.id);
  for (const { secret } of [token, second]) {
    const bare = secret!.slice(-43);
    for (const text of [stored, recorded]) expect(text).not.toContain(bare);
  }
});
