import type { PlanFrame } from '../../src/domain/plan';
import { mergePlan, planViewOf } from '../../src/domain/plan-merge';
import { Lifecycle } from './support/lifecycle';
import { Objects } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

/** Reads a plan stream as it comes. */
class PlanReader {
  readonly frames: PlanFrame[] = [];
  comments = 0;
  ended = false;
  private text = '';
  private readonly leaving = new AbortController();

  static async open(workerId: string, token: string): Promise<PlanReader> {
    const reader = new PlanReader();
    const response = await fetch(`${api.url}/api/internal/v1/workers/${workerId}/plan`, {
      headers: { authorization: `Bearer ${token}` },
      signal: reader.leaving.signal,
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    void reader.read(response.body!);
    await reader.until(() => reader.frames.length > 0, 'a snapshot');
    return reader;
  }

  close(): void {
    this.leaving.abort();
  }

  async until(holds: () => boolean, what: string, timeoutMs = 8_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}; frames: ${JSON.stringify(this.frames)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) this.push(decoder.decode(bytes, { stream: true }));
    } catch {
      // Closed by the test, or cut by the server.
    }
    this.ended = true;
  }

  private push(piece: string): void {
    const blocks = (this.text + piece).split('\n\n');
    this.text = blocks.pop()!;
    for (const block of blocks) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (event === undefined) this.comments += 1;
      else this.frames.push({ event, data: JSON.parse(data!) } as PlanFrame);
    }
  }
}

async function onlineWorker(): Promise<{ workerId: string; token: string }> {
  const { id } = await objects.worker();
  return { workerId: id, token: await lifecycle.provision(id) };
}

let nextPort = 2000;

test('a stream begins with the whole plan at one revision, and tells each change in order', async () => {
  const { workerId, token } = await onlineWorker();
  const first = await objects.instance();
  const firstAllocation = await lifecycle.place(first.id, workerId, { http: nextPort++ });
  const planned = await lifecycle.begin(first.id, 'start');
  await api.dependencies.cache.waitForRevision(planned, 5_000);

  const reader = await PlanReader.open(workerId, token);
  expect(reader.frames[0]).toMatchObject({
    event: 'snapshot',
    data: { entries: [{ allocationId: firstAllocation, instanceId: first.id, attempt: 1, wanted: 'running', revision: String(planned) }] },
  });

  const second = await objects.instance();
  const secondAllocation = await lifecycle.run(second.id, workerId, { http: nextPort++ });
  await api.client.delete(`/api/v1/instances/${second.id}`);
  await lifecycle.begin(second.id, 'remove');
  await lifecycle.complete(second.id, 'remove');
  await reader.until(() => reader.frames.length >= 4, 'three changes');
  expect(reader.frames.slice(1)).toMatchObject([
    { event: 'entry', data: { allocationId: secondAllocation, attempt: 1, wanted: 'running' } },
    { event: 'entry', data: { allocationId: secondAllocation, attempt: 1, wanted: 'absent' } },
    { event: 'removed', data: { allocationId: secondAllocation } },
  ]);
  const revisions = reader.frames.map(({ data }) => Number(data.revision));
  expect([...revisions].sort((one, other) => one - other)).toEqual(revisions);
  reader.close();
});

test('no change falls between snapshot and stream, however often an agent reconnects', async () => {
  const { workerId, token } = await onlineWorker();
  const allocations: string[] = [];
  let writing = true;
  const writer = (async () => {
    for (let index = 0; index < 25; index++) {
      const { id } = await objects.instance();
      allocations.push(await lifecycle.place(id, workerId, { http: nextPort++ }));
      await lifecycle.begin(id, 'start');
    }
    writing = false;
  })();
  let view = planViewOf([]);
  let merged = 0;
  while (writing) {
    const reader = await PlanReader.open(workerId, token);
    await reader.until(() => reader.frames.length >= 3 || !writing, 'some changes');
    for (const frame of reader.frames.slice(0)) view = mergePlan(view, frame).view;
    merged += reader.frames.length;
    reader.close();
  }
  await writer;
  const last = await PlanReader.open(workerId, token);
  await last.until(() => {
    view = last.frames.reduce((former, frame) => mergePlan(former, frame).view, view);
    return allocations.every((id) => view.known.get(id)?.kind === 'entry');
  }, 'the whole plan');
  expect(merged).toBeGreaterThan(0);
  last.close();
});

test('a stream tells nothing of other workers', async () => {
  const [one, two] = [await onlineWorker(), await onlineWorker()];
  const reader = await PlanReader.open(one.workerId, one.token);
  const foreign = await objects.instance();
  await lifecycle.run(foreign.id, two.workerId, { http: nextPort++ });
  const own = await objects.instance();
  const allocationId = await lifecycle.run(own.id, one.workerId, { http: nextPort++ });
  await reader.until(() => reader.frames.length >= 2, 'its own change');
  expect(reader.frames.slice(1)).toMatchObject([{ event: 'entry', data: { allocationId } }]);
  reader.close();
});

test('a quiet stream shows by comments that it is alive', async () => {
  const { workerId, token } = await onlineWorker();
  const reader = await PlanReader.open(workerId, token);
  await reader.until(() => reader.comments > 0, 'a comment');
  expect(reader.ended).toBe(false);
  reader.close();
});

test('a stream ends when the agent’s token is taken away', async () => {
  const { workerId, token } = await onlineWorker();
  const reader = await PlanReader.open(workerId, token);
  await api.client.delete(`/api/v1/workers/${workerId}`);
  await lifecycle.endWorker(workerId);
  await reader.until(() => reader.ended, 'the end');
});

test('a stream ends when everything was listed anew: what was missed in between is not known', async () => {
  const { workerId, token } = await onlineWorker();
  const reader = await PlanReader.open(workerId, token);
  const { cache } = api.dependencies;
  const emitter = (cache as unknown as { changed: NodeJS.EventEmitter }).changed;
  emitter.emit('applied', { revision: cache.revision, changes: [], relisted: true });
  await reader.until(() => reader.ended, 'the end');
  const again = await PlanReader.open(workerId, token);
  expect(again.frames[0]).toMatchObject({ event: 'snapshot' });
  again.close();
});

test('a server that stops ends its streams', async () => {
  const stopping = await TestApi.start({ prefix: api.dependencies.etcd.prefix, database: 'unused' });
  const { workerId, token } = await onlineWorker();
  const response = await fetch(`${stopping.url}/api/internal/v1/workers/${workerId}/plan`, { headers: { authorization: `Bearer ${token}` } });
  const text = response.text().catch(() => 'cut');
  await stopping.stop();
  await expect(text).resolves.toBeDefined();
});
