import type { NewTokenView } from '../../../src/api/tokens/schemas';
import { keys } from '../../../src/stores/etcd/keys';
import { eventually } from '../../support/etcd';
import { OidcIssuer } from '../../support/oidc-issuer';
import { as, made, principals, somebody, tokens } from '../support/access';
import type { ProblemBody } from '../support/client';
import { EventConsumer } from '../support/event-consumer';
import { instances, Objects, webDocument } from '../support/objects';
import { freshWorld, TestApi } from '../support/test-api';

const world = freshWorld();
let issuer: OidcIssuer;
/** Changes are made at the one, and what lasts is open at the other. */
let here: TestApi;
let there: TestApi;
beforeAll(async () => {
  issuer = await OidcIssuer.start();
  const oidc = { issuer: issuer.url, audience: 'berth' };
  [here, there] = await Promise.all([TestApi.start(world, (same) => ({ ...same, oidc })), TestApi.start(world, (same) => ({ ...same, oidc }))]);
});
afterAll(async () => {
  await Promise.all([here.stop(), there.stop()]);
  await issuer.stop();
});

/** Bound of the promise that nothing goes on for longer with a credential that has ended. */
const endedWithinMs = 5_000;

async function put(key: string, value: unknown): Promise<void> {
  const { etcd } = here.dependencies;
  await etcd.raw.put(etcd.key(key)).value(JSON.stringify(value));
}

function org(id: string, suspended: boolean): Promise<void> {
  return put(keys.orgSpec(id), { schemaVersion: 1, id, org: 'platform', project: 'default', kind: 'Org', name: id, displayName: id, suspended, closing: false, quota: {}, generation: 1, sequence: 1, labels: {}, cause: { actor: 'test' } });
}

/** What puts an end to a credential, by what was done at the other server. */
const ends: ReadonlyArray<readonly [string, (of: Awaited<ReturnType<typeof somebody>>) => Promise<unknown>]> = [
  ['its token is revoked', ({ token }) => here.client.delete(`${tokens}/${token.id}`)],
  ['its token is replaced without overlap', ({ token }) => here.client.post(`${tokens}/${token.id}/rotate?overlap=0s`)],
  ['its principal is disabled', ({ principal }) => here.client.patch(`${principals}/${principal.id}`, { disabled: true })],
  ['its principal may do less', ({ principal }) => here.client.patch(`${principals}/${principal.id}`, { roles: [], scopes: ['events:read'] })],
  ['its principal is confined', ({ principal }) => here.client.patch(`${principals}/${principal.id}`, { projects: ['default'] })],
  ['its principal is deleted', ({ principal }) => here.client.delete(`${principals}/${principal.id}`)],
  ['its organisation is suspended', ({ principal }) => org(principal.org, true)],
  ['it expires', async ({ token }) => put(keys.tokenSpec(token.id), { ...((await here.dependencies.etcd.get(keys.tokenSpec(token.id)))!.value as object), expiresAt: new Date(Date.now() - 1).toISOString() })],
];

test.each(ends)('a stream ends when %s, at whatever server', async (what, end) => {
  const id = `o-${what.replace(/\W/g, '-')}`;
  await org(id, false);
  const reader = await somebody(here, { org: id });
  const bystander = await somebody(here, { org: id === 'o-its-organisation-is-suspended' ? 'platform' : id });
  const [stream, beside] = await Promise.all([reader, bystander].map(({ headers }) => EventConsumer.open(there.url, '', { ...headers })));
  await end(reader);
  await eventually('the stream has ended', () => stream!.closed, endedWithinMs);
  expect(stream!.end).toEqual({ code: 'credential_ended', cursor: expect.any(String) });
  expect(beside!.end).toBeUndefined();
  expect(beside!.closed).toBe(false);
  beside!.close();
});

test('what a principal is given beside what it has ends nothing', async () => {
  const reader = await somebody(here);
  const stream = await EventConsumer.open(there.url, '', { ...reader.headers });
  await here.client.patch(`${principals}/${reader.principal.id}`, { roles: ['operator'] });
  const { body } = await here.client.patch<{ revision: string }>(`${principals}/${reader.principal.id}`, { name: `${reader.principal.spec.name}-b` });
  await there.dependencies.cache.waitForRevision(Number(body.revision), endedWithinMs);
  const definition = await new Objects(here).definition(webDocument({ version: '2.0.0' }));
  await stream.until('the stream goes on', () => stream.subjects.includes(definition.id));
  expect(stream.end).toBeUndefined();
  stream.close();
});

test('a stream ends when its token runs out, without anybody doing anything', async () => {
  const reader = await somebody(here);
  const key = keys.tokenSpec(reader.token.id);
  const { value } = (await here.dependencies.etcd.get(key))!;
  await put(key, { ...(value as object), expiresAt: new Date(Date.now() + 4_000).toISOString() });
  const { revision } = (await here.dependencies.etcd.get(key))!;
  await there.dependencies.cache.waitForRevision(revision, endedWithinMs);
  const stream = await EventConsumer.open(there.url, '', { ...reader.headers });
  expect(stream.end).toBeUndefined();
  await eventually('the stream has ended', () => stream.closed, 4_000 + endedWithinMs);
  expect(stream.end).toMatchObject({ code: 'credential_ended' });
});

test('waits end with the credential that they were asked for by', async () => {
  const objects = new Objects(here);
  await objects.definition();
  const instance = await objects.instance();
  const reader = await somebody(here);
  const waits = [
    there.client.get<ProblemBody>(`${instances}/${instance.id}?waitFor=RUNNING&timeout=60s&minRevision=${reader.token.revision}`, reader.headers),
    there.client.get<ProblemBody>(`/api/v1/events?wait=30s&subject=i-none&minRevision=${reader.token.revision}`, reader.headers),
  ];
  let ended = 0;
  for (const wait of waits) void wait.then(() => (ended += 1));
  await eventually('both wait', () => there.dependencies.cache.get(keys.tokenUse(reader.token.id)) !== undefined);
  expect(ended).toBe(0);
  await here.client.delete(`${tokens}/${reader.token.id}`);
  await eventually('both have ended', () => ended === 2, endedWithinMs);
  for (const { status, body } of await Promise.all(waits)) expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' });
});

test('somebody known to the issuer gets in, as long as it is somebody here', async () => {
  const external = { issuer: issuer.url, subject: 'mia' };
  const token = await issuer.sign({ sub: 'mia' });
  expect(await there.client.get(instances, as(token))).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  const { id } = await made(here.client.post<{ id: string }>(principals, { name: 'mia', type: 'user', roles: ['developer'], external }));
  expect(await there.client.get(instances, as(token))).toMatchObject({ status: 200 });
  expect(await there.client.post('/api/v1/worker-templates', {}, as(token))).toMatchObject({ status: 403, body: { scope: 'templates:write' } });
  const own = await there.client.post<NewTokenView>(tokens, { description: 'by OIDC' }, as(token));
  expect(own).toMatchObject({ status: 201, body: { spec: { principal: id } } });
  expect(await there.client.get(instances, as(await issuer.sign({ sub: 'noah' })))).toMatchObject({ status: 401 });
  expect(await there.client.get(instances, as(await issuer.sign({ sub: 'mia', aud: 'another' })))).toMatchObject({ status: 401 });

  const stream = await EventConsumer.open(there.url, '', { ...as(token) });
  await here.client.patch(`${principals}/${id}`, { disabled: true });
  await eventually('the stream has ended', () => stream.closed, endedWithinMs);
  expect(stream.end).toMatchObject({ code: 'credential_ended' });
  expect(await there.client.get(instances, as(token))).toMatchObject({ status: 401 });
});

test.each([
  ['is named no more', null],
  ['is somebody else', { subject: 'another' }],
])('what an OIDC token opened ends when whom it names %s', async (what, next) => {
  const subject = `unlinked ${what}`;
  const { principal } = await somebody(here, { external: { issuer: issuer.url, subject } });
  const token = await issuer.sign({ sub: subject });
  const stream = await EventConsumer.open(there.url, '', { ...as(token) });
  expect(await here.client.patch(`${principals}/${principal.id}`, { external: next && { issuer: issuer.url, ...next } })).toMatchObject({ status: 200 });
  await eventually('the stream has ended', () => stream.closed, endedWithinMs);
  expect(stream.end).toMatchObject({ code: 'credential_ended' });
  expect(await there.client.get(instances, as(token))).toMatchObject({ status: 401 });
});

test('what an OIDC token opened ends with it', async () => {
  await somebody(here, { external: { issuer: issuer.url, subject: 'ends-soon' } });
  // The clocks may be half a minute apart.
  const exp = Math.floor(Date.now() / 1000) - 26;
  const stream = await EventConsumer.open(there.url, '', { ...as(await issuer.sign({ sub: 'ends-soon', exp, iat: exp - 60 })) });
  await eventually('the stream has ended', () => stream.closed, 4_000 + endedWithinMs);
  expect(stream.end).toMatchObject({ code: 'credential_ended' });
});

test('while the keys of the issuer are not known, that is said, and tokens of Berth still let in', async () => {
  const fresh = await TestApi.start(world, (same) => ({ ...same, oidc: { issuer: issuer.url, audience: 'berth' } }));
  await issuer.become('html');
  const reply = await fresh.client.get<ProblemBody>(instances, as(await issuer.sign()));
  expect(reply).toMatchObject({ status: 503, body: { code: 'dependency_unavailable', dependency: 'oidc', retryable: true } });
  expect(await fresh.client.get(instances)).toMatchObject({ status: 200 });
  await issuer.become('right');
  await fresh.stop();
});
