import type { DefinitionView } from '../../src/api/definitions/api-schemas';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { WorkerDocument } from '../../src/api/workers/schemas';
import { MaintenanceLab } from '../activities/support/maintenance-lab';
import type { ProblemBody } from './support/client';
import { definitions, instances, webDocument, workers } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

interface Page {
  readonly items: ReadonlyArray<{ readonly id: string; readonly archived?: true }>;
  readonly nextCursor?: string;
  readonly revision: string;
}

let api: TestApi;
let lab: MaintenanceLab;

beforeAll(async () => {
  api = await TestApi.start(freshWorld());
  lab = new MaintenanceLab(api);
  await lab.objects.definition();
  await lab.objects.template();
});

afterAll(async () => {
  await api.stop();
});

/** Retires everything that has ended, and waits until the API's cache shows it. */
async function retireAll(): Promise<void> {
  await lab.project();
  await lab.retire();
  await lab.project();
}

async function archivedInstance(request?: Record<string, unknown>): Promise<string> {
  const id = await lab.endedInstance(request);
  await retireAll();
  return id;
}

describe('an instance that has retired', () => {
  let id: string;
  let before: { readonly body: InstanceDocument; readonly headers: Headers };

  beforeAll(async () => {
    id = await lab.endedInstance({ definition: { name: 'web', version: '1.0.0' }, labels: { zone: 'a' } });
    before = await api.client.get<InstanceDocument>(`${instances}/${id}`);
    await retireAll();
  });

  test('is still shown, as it was last, as archived, under the same ETag', async () => {
    const shown = await api.client.get<InstanceDocument>(`${instances}/${id}`);
    expect(shown.status).toBe(200);
    expect(shown.body).toEqual({ ...before.body, archived: true, revision: shown.body.revision });
    expect(shown.headers.get('etag')).toBe(before.headers.get('etag'));
  });

  test('has come to TERMINATED for whoever waits, and comes to nothing else', async () => {
    expect((await api.client.get(`${instances}/${id}?waitFor=TERMINATED&timeout=5s`)).status).toBe(200);
    const other = await api.client.get<ProblemBody>(`${instances}/${id}?waitFor=RUNNING&timeout=5s`);
    expect(other.body).toMatchObject({ code: 'wait_impossible', reason: 'it is TERMINATED', phase: 'TERMINATED' });
  });

  test('can be terminated again, as any that is TERMINATED, which changes nothing', async () => {
    const keysBefore = await api.keys();
    const again = await api.client.delete<InstanceDocument>(`${instances}/${id}?waitFor=TERMINATED&timeout=5s`, { 'If-Match': before.headers.get('etag')! });
    expect(again).toMatchObject({ status: 202, body: { id, archived: true, status: { phase: 'TERMINATED' } } });
    expect(await api.keys()).toEqual(keysBefore);
  });

  test.each(['start', 'stop', 'retry'])('cannot be asked to %s, and is told to be archived', async (verb) => {
    const keysBefore = await api.keys();
    const refused = await api.client.post<ProblemBody>(`${instances}/${id}/${verb}`);
    expect(refused.body).toMatchObject({ status: 404, code: 'instance_not_found', archived: true, detail: expect.stringContaining('archived') });
    expect(await api.keys()).toEqual(keysBefore);
  });

  test('cannot be changed, and its history is told still', async () => {
    const changed = await api.client.request<ProblemBody>('PATCH', `${instances}/${id}`, { labels: { a: 'b' } }, {});
    expect(changed.body).toMatchObject({ status: 404, code: 'instance_not_found', archived: true });
    const { body } = await api.client.get<{ items: Array<{ type: string; changeType: string }> }>(`${instances}/${id}/history`);
    expect(body.items.at(-1)).toMatchObject({ type: 'berth.instance.retired', changeType: 'deleted' });
  });

  test('has all its events still, and the last one tells of it', async () => {
    const { body } = await api.client.get<{ items: Array<{ type: string }> }>(`${instances}/${id}/events`);
    expect(body.items[0]?.type).toBe('berth.instance.created');
    expect(body.items.at(-1)?.type).toBe('berth.instance.retired');
  });

  test('is in the list of the archived, by the filters of any list, and in no other', async () => {
    const listed = async (query: string) => (await api.client.get<Page>(`${instances}?${query}`)).body.items.map((item) => item.id);
    expect(await listed('')).not.toContain(id);
    for (const query of ['', 'label=zone=a', 'definition=web', 'phase=TERMINATED', 'phase=RUNNING&phase=TERMINATED']) {
      expect([query, await listed(`archived=true&${query}`)]).toEqual([query, expect.arrayContaining([id])]);
    }
    for (const query of ['label=zone=b', 'definition=other', 'phase=RUNNING', 'worker=w-1']) expect([query, await listed(`archived=true&${query}`)]).toEqual([query, []]);
    expect(await listed('archived=false')).not.toContain(id);
    expect((await api.client.get<ProblemBody>(`${instances}?archived=yes`)).body).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

test('archived instances are listed in pages, each once', async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, () => lab.endedInstance({ definition: { name: 'web', version: '1.0.0' }, labels: { set: 'pages' } })));
  await retireAll();
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await api.client.get<Page>(`${instances}?archived=true&label=set=pages&limit=2${cursor}`);
    expect(body.items.every(({ archived }) => archived)).toBe(true);
    expect(body.items.length).toBeLessThanOrEqual(2);
    seen.push(...body.items.map((item) => item.id));
    if (body.nextCursor === undefined) break;
    cursor = `&cursor=${body.nextCursor}`;
  }
  expect(seen).toEqual([...ids].sort());
});

test('the request that created an instance is answered alike after it has retired', async () => {
  const key = { 'Idempotency-Key': 'once-and-archived' };
  const request = { definition: { name: 'web', version: '1.0.0' } };
  const { body } = await api.client.post<InstanceDocument>(instances, request, key);
  await api.client.delete(`${instances}/${body.id}`);
  await lab.lifecycle.finish(body.id);
  await retireAll();
  const repeated = await api.client.post<InstanceDocument>(instances, request, key);
  expect(repeated).toMatchObject({ status: 201, body: { id: body.id, archived: true } });
  expect(repeated.headers.get('idempotency-replayed')).toBe('true');
});

test('a worker that has retired is shown and listed as archived, and can be asked for nothing but its end', async () => {
  const id = await lab.endedWorker();
  await retireAll();
  expect(await api.client.get<WorkerDocument>(`${workers}/${id}?waitFor=TERMINATED`)).toMatchObject({ status: 200, body: { id, archived: true, status: { phase: 'TERMINATED', health: 'Offline' } } });
  const listed = async (query: string) => (await api.client.get<Page>(`${workers}?${query}`)).body.items.map((item) => item.id);
  expect(await listed('')).not.toContain(id);
  expect(await listed('archived=true&template=small&label=zone=local')).toContain(id);
  expect(await listed('archived=true&template=large')).toEqual([]);
  expect((await api.client.delete(`${workers}/${id}`)).status).toBe(202);
  expect((await api.client.post<ProblemBody>(`${workers}/${id}/retry`)).body).toMatchObject({ code: 'worker_not_found', archived: true });
  expect((await api.client.get(`${workers}/${id}/capacity`)).status).toBe(200);
});

test('a definition that has retired keeps its document, its place among its versions, and its name for ever', async () => {
  const id = await lab.endedDefinition(webDocument({ name: 'gone' }));
  const { id: kept } = await lab.objects.definition(webDocument({ name: 'gone', version: '1.1.0' }));
  await retireAll();
  const shown = await api.client.get<DefinitionView>(`${definitions}/${id}`);
  expect(shown).toMatchObject({ status: 200, body: { archived: true, status: { phase: 'DELETED' }, document: { name: 'gone', version: '1.0.0' } } });
  expect((await api.client.get<Page>(`${definitions}/by-name/gone/versions`)).body.items.map((item) => item.id)).toEqual([kept, id]);
  expect((await api.client.get<Page>(`${definitions}?archived=true&name=gone`)).body.items.map((item) => item.id)).toEqual([id]);
  expect((await api.client.get<Page>(`${definitions}?name=gone&phase=DELETED`)).body.items).toEqual([]);

  const again = await api.client.post<ProblemBody>(definitions, webDocument({ name: 'gone' }));
  expect(again.body).toMatchObject({ status: 409, code: 'version_exists', existingId: id, sameContent: true });
  const used = await api.client.post<ProblemBody>(instances, { definition: { name: 'gone', version: '1.0.0' } });
  expect(used.body).toMatchObject({ status: 409, code: 'definition_not_active', phase: 'DELETED' });
  expect((await api.client.delete(`${definitions}/${id}`)).status).toBe(200);
  expect((await api.client.post<ProblemBody>(`${definitions}/${id}/deprecate`)).body).toMatchObject({ code: 'definition_not_found', archived: true });
});

test('what is nowhere is not found, archived or not', async () => {
  const id = await archivedInstance();
  expect((await api.client.get<ProblemBody>(`${instances}/i-nobody`)).body).toMatchObject({ status: 404, code: 'instance_not_found' });
  // The id of an instance is none of a worker.
  expect((await api.client.get<ProblemBody>(`${workers}/${id}`)).body).toMatchObject({ status: 404, code: 'worker_not_found' });
});
