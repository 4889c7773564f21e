import { credentialsFor } from '../support/credentials';
import http from 'node:http';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, webDocument, workers } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

const world = freshWorld();
let api: TestApi;
let objects: Objects;
beforeAll(async () => {
  api = await TestApi.start(world);
  objects = new Objects(api);
  await objects.definition();
});
afterAll(() => api.stop());

describe('If-Match', () => {
  test('lets through what was decided on the present spec, however often the status moves', async () => {
    const instance = await objects.instance();
    await new Lifecycle(api).queue(instance.id);
    const shown = await api.client.get<InstanceDocument>(`${instances}/${instance.id}`);
    const etag = shown.headers.get('etag')!;
    expect(etag).toBe(`"${instance.revision}"`);
    const reply = await api.client.delete<InstanceDocument>(`${instances}/${instance.id}`, { 'if-match': etag });
    expect(reply.status).toBe(202);
    expect(reply.headers.get('etag')).not.toBe(etag);
  });

  test('refuses what was decided on another one, names who changed it, and changes nothing', async () => {
    const instance = await objects.instance();
    await api.client.delete(`${instances}/${instance.id}`);
    const before = await api.keys();
    const reply = await api.client.delete<ProblemBody>(`${instances}/${instance.id}`, { 'if-match': `"${instance.revision}"` });
    expect(reply).toMatchObject({ status: 412, body: { code: 'precondition_failed', changedBy: 'user:p-administrator', generation: 2, changedAt: expect.any(String) } });
    expect(reply.headers.get('etag')).toMatch(/^"\d+"$/);
    expect(await api.keys()).toEqual(before);
  });

  test.each([
    ['any', '*', 202],
    ['one of several', 'LIST', 202],
    ['a weak one', 'WEAK', 412],
    ['no ETag at all', '123', 400],
  ])('%s', async (_what, given, status) => {
    const instance = await objects.instance();
    const etag = `"${instance.revision}"`;
    const ifMatch = given.replace('LIST', `"1", ${etag}`).replace('WEAK', `W/${etag}`);
    expect(await api.client.delete(`${instances}/${instance.id}`, { 'if-match': ifMatch })).toMatchObject({ status });
  });

  test('holds for definitions and workers, too', async () => {
    await objects.template();
    const worker = await objects.worker();
    const definition = await objects.definition(webDocument({ name: 'matched' }));
    const wrong = { 'if-match': '"1"' };
    expect(await api.client.delete(`${workers}/${worker.id}`, wrong)).toMatchObject({ status: 412 });
    expect(await api.client.post(`${definitions}/${definition.id}/deprecate`, undefined, wrong)).toMatchObject({ status: 412 });
  });

  test('a repetition of what an If-Match let through is a repetition, not a conflict with itself', async () => {
    const instance = await objects.instance();
    const headers = { 'if-match': `"${instance.revision}"`, 'idempotency-key': 'matched-once' };
    const first = await api.client.delete<InstanceDocument>(`${instances}/${instance.id}`, headers);
    const again = await api.client.delete<InstanceDocument>(`${instances}/${instance.id}`, headers);
    expect([first.status, again.status, again.body.generation]).toEqual([202, 202, 2]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  test('If-None-Match never answers 304: the ETag is the spec’s, and the status may have moved', async () => {
    const instance = await objects.instance();
    // Not by fetch, which would say beside it that no cache may answer.
    const status = await new Promise((resolve, reject) => {
      const headers = { ...credentialsFor(api.url), 'if-none-match': `"${instance.revision}"` };
      http.get(`${api.url}${instances}/${instance.id}`, { headers }, (response) => resolve(response.resume().statusCode)).once('error', reject);
    });
    expect(status).toBe(200);
  });
});

describe('minRevision', () => {
  test('shows the change that it is the revision of, through a server that lags behind', async () => {
    const other = await TestApi.start(world);
    try {
      for (let round = 0; round < 10; round++) {
        const { id, revision } = await objects.instance();
        const page = await other.client.get<{ items: InstanceDocument[]; revision: string }>(`${instances}?minRevision=${revision}&limit=200`);
        expect(page.body.items.map((item) => item.id)).toContain(id);
        expect(Number(page.body.revision)).toBeGreaterThanOrEqual(Number(revision));
      }
    } finally {
      await other.stop();
    }
  });

  test('what was made a moment ago through another server is not absent', async () => {
    const other = await TestApi.start(world);
    try {
      const instance = await objects.instance();
      expect(await other.client.get(`${instances}/${instance.id}`)).toMatchObject({ status: 200, body: { id: instance.id } });
    } finally {
      await other.stop();
    }
  });

  test('beyond the store is refused at once', async () => {
    const revision = await api.dependencies.etcd.revision();
    const reply = await api.client.get<ProblemBody>(`${instances}?minRevision=${revision + 1_000}`);
    expect(reply).toMatchObject({ status: 400, body: { code: 'revision_unknown', errors: [{ path: 'minRevision' }] } });
    expect(Number(reply.body['revision'])).toBeLessThan(revision + 1_000);
  });

  test('that is not reached in time is 504', async () => {
    const stuck = await TestApi.start(world);
    try {
      stuck.dependencies.cache.stop();
      const { revision } = await objects.instance();
      const reply = await stuck.client.get<ProblemBody>(`${instances}?minRevision=${revision}&timeout=200ms`);
      expect(reply).toMatchObject({ status: 504, body: { code: 'projection_timeout', retryable: true } });
    } finally {
      await stuck.stop();
    }
  });

  test.each(['x', '-1', '1.5', '99999999999999999999'])('%s is no revision', async (minRevision) => {
    expect(await api.client.get(`${instances}?minRevision=${minRevision}`)).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'minRevision' }] } });
  });
});

describe('pages', () => {
  let walked: TestApi;
  let made: Objects;
  beforeAll(async () => {
    walked = await TestApi.start();
    made = new Objects(walked);
    await made.definition();
  });
  afterAll(() => walked.stop());

  interface Page {
    readonly items: readonly InstanceDocument[];
    readonly revision: string;
    readonly nextCursor?: string;
  }
  const page = (query: string) => walked.client.get<Page>(`${instances}?${query}`);

  test('show what was there all the time exactly once, whatever comes and goes', async () => {
    const there: string[] = [];
    for (let index = 0; index < 25; index++) there.push((await made.instance()).id);
    const { etcd } = walked.dependencies;
    await walked.dependencies.cache.waitForRevision(await etcd.revision(), 5_000);
    const seen: string[] = [];
    const gone = new Set<string>();
    let cursor = '';
    let revision = 0;
    for (let round = 0; round < 20; round++) {
      const { body, status } = await page(`limit=7${cursor}`);
      expect(status).toBe(200);
      expect(Number(body.revision)).toBeGreaterThanOrEqual(revision);
      revision = Number(body.revision);
      seen.push(...body.items.map(({ id }) => id));
      if (body.nextCursor === undefined) break;
      cursor = `&cursor=${body.nextCursor}`;
      // One that was shown goes, one that was not shown goes, a new one comes.
      for (const id of [seen[seen.length - 1]!, there.find((candidate) => !seen.includes(candidate) && !gone.has(candidate))!]) {
        gone.add(id);
        await etcd.raw.delete().prefix(`${etcd.prefix}instances/${id}/`);
      }
      await made.instance();
      await walked.dependencies.cache.waitForRevision(await etcd.revision(), 5_000);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(there.filter((id) => !gone.has(id))));
    expect([...seen].sort()).toEqual(seen);
  });

  test('are never older than the one before, whichever server answers', async () => {
    await made.instance();
    const behind = await TestApi.start({ prefix: walked.dependencies.etcd.prefix, database: 'unused' });
    try {
      behind.dependencies.cache.stop();
      const { revision } = await made.instance();
      const { body } = await page(`limit=1&minRevision=${revision}`);
      const next = await behind.client.get<ProblemBody>(`${instances}?limit=1&timeout=100ms&cursor=${body.nextCursor}`);
      expect(next).toMatchObject({ status: 504, body: { code: 'projection_timeout' } });
    } finally {
      await behind.stop();
    }
  });

  test('hold 50 by default and 200 at most', async () => {
    expect(await page('limit=201')).toMatchObject({ status: 400, body: { errors: [{ path: 'limit' }] } });
    expect(await page('limit=0')).toMatchObject({ status: 400 });
    for (let index = 0; index < 40; index++) await made.instance();
    const { body } = await page(`minRevision=${await walked.dependencies.etcd.revision()}`);
    expect(body.items).toHaveLength(50);
    expect(body.nextCursor).toBeDefined();
  });

  test.each(['nonsense', Buffer.from('[1,2]').toString('base64url'), Buffer.from('{}').toString('base64url')])('a cursor that is none is refused: %s', async (cursor) => {
    expect(await page(`cursor=${cursor}`)).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'cursor' }] } });
  });

  test('filter by phase, worker, definition and label', async () => {
    const lifecycle = new Lifecycle(walked);
    await made.template();
    await made.definition(webDocument({ name: 'other' }));
    const worker = await made.worker();
    await lifecycle.provision(worker.id);
    const running = await made.instance({ definition: { name: 'other', version: '1.0.0' }, labels: { team: 'a', tier: 'x=y' } });
    const pending = await made.instance({ definition: { name: 'other', version: '1.0.0' }, labels: { team: 'b' } });
    await lifecycle.run(running.id, worker.id, { http: 2000 });
    const minRevision = await walked.dependencies.etcd.revision();
    const ids = async (query: string) => (await page(`minRevision=${minRevision}&definition=other&${query}`)).body.items.map(({ id }) => id);
    await expect(ids('')).resolves.toEqual([running.id, pending.id]);
    await expect(ids('phase=RUNNING')).resolves.toEqual([running.id]);
    await expect(ids('phase=RUNNING&phase=PENDING')).resolves.toEqual([running.id, pending.id]);
    await expect(ids(`worker=${worker.id}`)).resolves.toEqual([running.id]);
    await expect(ids('label=team=b')).resolves.toEqual([pending.id]);
    await expect(ids('label=team=a&label=tier=x=y')).resolves.toEqual([running.id]);
    await expect(ids('label=team=a&label=tier=z')).resolves.toEqual([]);
    expect(await page('phase=SLEEPING')).toMatchObject({ status: 400, body: { errors: [{ path: 'phase' }] } });
    expect(await page('label=team')).toMatchObject({ status: 400 });
  });
});
