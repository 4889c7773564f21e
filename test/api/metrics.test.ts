import { eventually } from '../support/etcd';
import { Objects } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;

beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
});
afterAll(() => api.stop());

async function metrics(): Promise<string> {
  const reply = await api.client.get<string>('/metrics');
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return reply.body;
}

/** The value of a sample, written as it is shown; 0 when it is not there. */
async function valueOf(sample: string): Promise<number> {
  const line = (await metrics()).split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? 0);
}

describe('GET /metrics', () => {
  it('says how long operations of the stores took, by store and operation', async () => {
    const inserted = 'berth_store_operation_duration_seconds_count{store="mongodb",operation="insert into lablet_definitions"}';
    const committed = 'berth_store_operation_duration_seconds_count{store="etcd",operation="transaction"}';
    const before = [await valueOf(inserted), await valueOf(committed)] as const;
    await objects.definition();
    expect(await valueOf(inserted)).toBe(before[0] + 1);
    expect(await valueOf(committed)).toBeGreaterThan(before[1]);
  });

  it('counts the documents that were recorded, and their bytes; the same one again is none', async () => {
    const documents = 'berth_record_documents_total{collection="lablet_definitions"}';
    const bytes = 'berth_record_bytes_total{collection="lablet_definitions"}';
    const body = { name: 'same', components: [{ name: 'c', runtime: 'noop' }] };
    const before = [await valueOf(documents), await valueOf(bytes)] as const;
    await api.dependencies.definitionBodies.put(body as never);
    await api.dependencies.definitionBodies.put(body as never);
    expect(await valueOf(documents)).toBe(before[0] + 1);
    expect(await valueOf(bytes)).toBeGreaterThan(before[1] + 50);
  });

  it('shows how far the watch cache is, how long ago that was proved, and how much waits to be recorded', async () => {
    const revision = await api.dependencies.etcd.revision();
    await api.dependencies.cache.waitForRevision(revision, 5_000);
    expect(await valueOf('berth_watch_cache_revision')).toBeGreaterThanOrEqual(revision);
    expect(await valueOf('berth_watch_cache_age_seconds')).toBeLessThan(30);
    const waiting = await valueOf('berth_outbox_entries');
    await objects.instance();
    await eventually('the commit is seen', async () => (await valueOf('berth_outbox_entries')) > waiting);
  });

  it('shows the process itself, and no ids', async () => {
    const { id } = await objects.instance();
    const text = await metrics();
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
    expect(text).not.toContain(id);
    expect(text.split('\n').length).toBeLessThan(1_000);
  });
});
