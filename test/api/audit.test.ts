import type { AuditLine } from '../../src/domain/audit';
import { refusalsDetailedMax } from '../../src/domain/limits';
import { credentialsFor } from '../support/credentials';
import { eventually } from '../support/etcd';
import type { TestCaller } from './support/callers';
import { makeCaller } from './support/callers';
import { definitions, instances, Objects, templates, webDocument } from './support/objects';
import { project } from './support/projecting';
import type { World } from './support/test-api';
import { freshWorld, TestApi } from './support/test-api';

interface Page {
  readonly items: readonly AuditLine[];
  readonly nextCursor?: string;
}

const audit = '/api/v1/audit';
const nowhere = 'i-0000000000000000000000000';
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

let world: World;
let api: TestApi;
let objects: Objects;
let ada: TestCaller;
let viewer: TestCaller;
beforeEach(async () => {
  world = freshWorld();
  api = await TestApi.start(world);
  objects = new Objects(api);
  ada = await makeCaller(api, { org: 'default', roles: ['operator'] });
  viewer = await makeCaller(api, { org: 'default', roles: ['viewer'] });
}, 30_000);
afterEach(() => api.stop());

async function read(query = '', headers: Record<string, string> = {}): Promise<readonly AuditLine[]> {
  const { status, body } = await api.client.get<Page>(`${audit}?limit=1000&${query}`, headers);
  expect(status).toBe(200);
  return body.items;
}

/** Refusals are recorded a moment after they are answered. */
async function refused(count: number, query = ''): Promise<readonly AuditLine[]> {
  let lines: readonly AuditLine[] = [];
  await eventually(`${count} refusals are recorded`, async () => (lines = await read(`outcome=refused&${query}`)).length >= count);
  return lines;
}

describe('what is refused is recorded', () => {
  it('with who, from where, by what, for what, and why', async () => {
    const { id } = await objects.definition();
    const reply = await api.client.delete(`${definitions}/${id}`, { ...viewer.headers, 'x-request-id': 'refused-1', traceparent });
    expect(reply.status).toBe(403);
    const [line] = await refused(1, `principal=${viewer.id}`);
    expect(line).toEqual({
      id: expect.any(String),
      time: expect.any(String),
      outcome: 'refused',
      principal: `user:${viewer.id}`,
      type: 'user',
      address: expect.stringMatching(/127\.0\.0\.1$/),
      org: 'default',
      credential: viewer.tokenId,
      scope: 'definitions:write',
      route: 'DELETE /api/v1/definitions/:id',
      object: { kind: 'Definition', id },
      requestId: 'refused-1',
      traceId,
      code: 'forbidden',
      status: 403,
    });
  });

  it('also of those who were not let in, by the token that they claimed to have', async () => {
    const wrong = `berth_${ada.tokenId}_${'x'.repeat(43)}`;
    await api.client.post(`${instances}/${nowhere}/stop`, undefined, { authorization: `Bearer ${wrong}` });
    await api.client.get(definitions, { authorization: 'nothing that is known' });
    const lines = await refused(2, 'code=unauthenticated');
    expect(lines).toEqual([
      expect.objectContaining({ type: 'unknown', org: 'platform', credential: ada.tokenId, route: 'POST /api/v1/instances/:id/stop', object: { kind: 'Instance', id: nowhere }, status: 401 }),
      expect.objectContaining({ type: 'unknown', org: 'platform', route: 'GET /api/v1/definitions', status: 401 }),
    ]);
    expect(lines.every((line) => line.principal === undefined)).toBe(true);
    expect(JSON.stringify(lines)).not.toContain('x'.repeat(10));
  });

  it.each([
    ['a body that is no JSON', () => api.client.request('POST', definitions, '{', ada.headers), 'malformed_body', 'POST /api/v1/definitions'],
    ['a body that is not valid', () => api.client.post(definitions, {}, ada.headers), 'invalid_document', 'POST /api/v1/definitions'],
    ['a change of what is not there', () => api.client.post(`${instances}/${nowhere}/stop`, undefined, ada.headers), 'instance_not_found', 'POST /api/v1/instances/:id/stop'],
    ['a look for what is not there', () => api.client.get(`${instances}/${nowhere}`, ada.headers), 'instance_not_found', 'GET /api/v1/instances/:id'],
    ['a conflict', () => api.client.post(templates, { ...template, portRange: { from: 3, to: 2 } }, ada.headers), 'invalid_request', 'POST /api/v1/worker-templates'],
  ])('and is a refusal: %s', async (_what, ask, code, route) => {
    expect((await ask()).status).toBeGreaterThanOrEqual(400);
    expect(await refused(1, `principal=${ada.id}`)).toEqual([expect.objectContaining({ code, route, credential: ada.tokenId })]);
  });

  it('and is none: a read with a parameter that is not known, and a wait in vain', async () => {
    await api.client.get(`${instances}?colour=blue`, ada.headers);
    await objects.definition();
    const created = await api.client.post<{ id: string }>(`${instances}?waitFor=RUNNING&timeout=0s`, { definition: { name: 'web', version: '1.0.0' } }, ada.headers);
    expect(created.status).toBe(504);
    // Whatever was to come has come before this one.
    await api.client.delete(`${instances}/${nowhere}`, ada.headers);
    expect(await refused(1, `principal=${ada.id}`)).toEqual([expect.objectContaining({ code: 'instance_not_found' })]);
  });

  it('in bounded number, and counted beyond', async () => {
    for (let index = 0; index < refusalsDetailedMax + 10; index++) await api.client.delete(`${definitions}/${nowhere}`, viewer.headers);
    await api.stop();
    // The end of a server writes what is left, counts of the minute so far included.
    api = await TestApi.start(world);
    const documents = await api.mongo.collection<{ _id: string; counts?: Record<string, number> }>('audit_refusals').find().toArray();
    const detailed = documents.filter(({ counts }) => counts === undefined);
    const counted = documents.flatMap(({ counts }) => Object.values(counts ?? {})).reduce((sum, count) => sum + count, 0);
    expect(detailed.length + counted).toBe(refusalsDetailedMax + 10);
    // At most two minutes can have been touched.
    expect(detailed.length).toBeLessThanOrEqual(2 * refusalsDetailedMax);
  });
});

const template = { name: 'odd', description: '', provider: 'local', capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' }, labels: {} };

describe('GET /audit', () => {
  it('tells mutations and refusals in the order of time, in pages that miss nothing', async () => {
    await api.client.post(definitions, webDocument(), { ...ada.headers, traceparent, 'x-request-id': 'done-1' });
    await api.client.delete(`${definitions}/${nowhere}`, viewer.headers);
    await api.client.post(instances, { definition: { name: 'web', version: '1.0.0' } }, ada.headers);
    await refused(1);
    const all = await read();
    expect(all.map(({ event, code }) => event ?? code)).toEqual(['berth.definition.created', 'forbidden', 'berth.instance.created']);
    expect(all.map(({ time }) => time)).toEqual(all.map(({ time }) => time).sort());
    expect(all.find(({ event }) => event === 'berth.definition.created')).toMatchObject({
      outcome: 'done',
      principal: `user:${ada.id}`,
      type: 'user',
      address: expect.any(String),
      credential: ada.tokenId,
      scope: 'definitions:write',
      object: { kind: 'Definition' },
      org: 'default',
      requestId: 'done-1',
      traceId,
    });
    const paged: AuditLine[] = [];
    let cursor: string | undefined;
    do {
      const page: Page = (await api.client.get<Page>(`${audit}?limit=1${cursor === undefined ? '' : `&cursor=${cursor}`}`)).body;
      expect(page.items.length).toBeLessThanOrEqual(1);
      paged.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(paged).toEqual(all);
  });

  it('is the same as an export, and after the events have come to the record', async () => {
    await objects.definition();
    await api.client.delete(`${definitions}/${nowhere}`, viewer.headers);
    await refused(1);
    const before = await read();
    const exported = async () => {
      const reply = await fetch(`${api.url}${audit}`, { headers: { accept: 'application/x-ndjson', ...credentialsFor(api.url) } });
      expect(reply.headers.get('content-type')).toMatch('application/x-ndjson');
      return (await reply.text()).trimEnd().split('\n').map((line) => JSON.parse(line) as AuditLine);
    };
    expect(await exported()).toEqual(before);
    await project(api);
    expect(await read()).toEqual(before);
    expect(await exported()).toEqual(before);
  });

  it('filters by principal, object, time, outcome and code', async () => {
    const definition = await objects.definition();
    const instance = await api.client.post<{ id: string }>(instances, { definition: { name: 'web', version: '1.0.0' } }, ada.headers);
    await api.client.post(`${instances}/${instance.body.id}/stop`, undefined, viewer.headers);
    await refused(1);
    const whatOf = async (query: string) => (await read(query)).map(({ event, code }) => event ?? code);
    for (const inRecord of [false, true]) {
      if (inRecord) await project(api);
      expect(await whatOf(`principal=${ada.id}`)).toEqual(['berth.instance.created']);
      expect(await whatOf(`principal=user:${ada.id}`)).toEqual(['berth.instance.created']);
      expect(await whatOf(`object=${instance.body.id}`)).toEqual(['berth.instance.created', 'forbidden']);
      expect(await whatOf(`object=${definition.id}`)).toEqual(['berth.definition.created']);
      expect(await whatOf('outcome=refused')).toEqual(['forbidden']);
      expect(await whatOf(`outcome=done&object=${instance.body.id}`)).toEqual(['berth.instance.created']);
      expect(await whatOf('code=forbidden')).toEqual(['forbidden']);
      const { time } = (await read(`object=${instance.body.id}&outcome=done`))[0]!;
      expect(await whatOf(`object=${instance.body.id}&to=${time}`)).toEqual([]);
      expect(await whatOf(`object=${instance.body.id}&from=${time}`)).toEqual(['berth.instance.created', 'forbidden']);
    }
  });

  it('shows an org its own alone, and is for those who may read it', async () => {
    const other = await makeCaller(api, { org: 'other', roles: ['admin'] });
    await objects.definition();
    await api.client.delete(`${definitions}/${nowhere}`, other.headers);
    await refused(1);
    expect((await read('', other.headers)).map(({ code, org }) => code ?? org)).toEqual(['definition_not_found']);
    expect((await read('', ada.headers)).every(({ org }) => org === 'default')).toBe(true);
    expect((await read('org=other')).map(({ org }) => org)).toEqual(['other']);
    expect((await api.client.get(`${audit}?org=default`, other.headers)).status).toBe(403);
    expect((await api.client.get(audit, viewer.headers)).status).toBe(403);
    const confined = await makeCaller(api, { org: 'default', roles: ['operator'], projects: ['elsewhere'] });
    expect(await read('', confined.headers)).toEqual([]);
  });

  it('shows who is confined to the project `default` no mutation of what is in no project, though its header names that one', async () => {
    await objects.definition();
    await api.client.post('/api/v1/principals', { name: 'somebody', type: 'service', roles: ['viewer'], org: 'default' });
    const typesFor = async (headers: Record<string, string>) => (await read('outcome=done', headers)).map(({ event }) => event);
    const confined = await makeCaller(api, { org: 'default', roles: ['operator'], projects: ['default'] });
    for (const inRecord of [false, true]) {
      if (inRecord) await project(api);
      expect(await typesFor(ada.headers)).toEqual(expect.arrayContaining(['berth.definition.created', 'berth.principal.created']));
      expect(await typesFor(confined.headers)).toEqual(['berth.definition.created']);
    }
  });

  it.each(['from=yesterday', 'outcome=maybe', 'cursor=nonsense', 'limit=0', 'to=2026-01-01&from=2026-01-02', 'colour=blue'])('refuses %s', async (query) => {
    expect(await api.client.get(`${audit}?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});
