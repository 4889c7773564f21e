import type { WorkerDocument } from '../../src/api/workers/schemas';
import type { ObservationsRequest, ObservationsResponse, RegisterRequest, RegisterResponse } from '../../src/domain/plan';
import type { Workload } from '../../src/domain/workload';
import { keys } from '../../src/stores/etcd/keys';
import { workloadBodies } from '../../src/stores/mongo/bodies';
import type { ProblemBody, Reply } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { Objects } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

const world = freshWorld();
let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
beforeAll(async () => {
  api = await TestApi.start(world);
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

const host: RegisterRequest = { hostname: 'box', agentVersion: '0.1.0', address: '127.0.0.1', hostPorts: [2001] };

/** An agent's side of the internal API. */
class Agent {
  constructor(
    readonly workerId: string,
    readonly token: string,
    private readonly at: TestApi = api,
  ) {}

  post<Body>(what: string, body: unknown, workerId = this.workerId): Promise<Reply<Body>> {
    return this.at.client.post<Body>(`/api/internal/v1/workers/${workerId}/${what}`, body, { authorization: `Bearer ${this.token}` });
  }

  get<Body>(path: string): Promise<Reply<Body>> {
    return this.at.client.get<Body>(`/api/internal/v1/${path}`, { authorization: `Bearer ${this.token}` });
  }

  async observe(...observations: ReadonlyArray<Partial<ObservationsRequest['observations'][number]>>): Promise<Array<'recorded' | 'superseded'>> {
    const complete = observations.map((given) => ({
      attempt: 1,
      planRevision: '1',
      state: 'running',
      components: {},
      observedAt: new Date().toISOString(),
      ...given,
    }));
    const reply = await this.post<ObservationsResponse>('observations', { observations: complete });
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
    return reply.body.results.map(({ result }) => result);
  }
}

async function workerWithAgent(): Promise<{ worker: WorkerDocument; agent: Agent }> {
  const worker = await objects.worker();
  return { worker, agent: new Agent(worker.id, await lifecycle.provision(worker.id)) };
}

describe('registering', () => {
  test('says where the host is, makes the worker Healthy, and nudges its lifecycle', async () => {
    const worker = await objects.worker();
    const agent = new Agent(worker.id, await lifecycle.beginProvision(worker.id));
    const reply = await agent.post<RegisterResponse>('register', host);
    expect(reply).toMatchObject({ status: 200, body: { leaseTtlMs: 15_000, heartbeatIntervalMs: 5_000, portRange: { from: 2000, to: 2099 } } });
    expect(api.nudges).toContain(`Worker ${worker.id}`);
    const shown = await api.client.get<WorkerDocument>(`/api/v1/workers/${worker.id}?minRevision=${await api.dependencies.etcd.revision()}`);
    expect(shown.body).toMatchObject({ status: { health: 'Healthy' }, host: { hostname: 'box', address: '127.0.0.1' } });
    expect(JSON.stringify(shown.body)).not.toContain('okenHash');
    expect(await agent.post('heartbeat', { leaseId: reply.body.leaseId })).toMatchObject({ status: 204 });
  });

  test('anew writes the host only when it has changed', async () => {
    const { worker, agent } = await workerWithAgent();
    const observedAt = async () => (await api.dependencies.fresh.worker(worker.id)).observed?.revision;
    await agent.post('register', host);
    const first = await observedAt();
    await agent.post('register', host);
    expect(await observedAt()).toBe(first);
    await agent.post('register', { ...host, address: '127.0.0.2' });
    expect(await observedAt()).toBeGreaterThan(first!);
  });

  test('by a newer agent ends the older one’s lease: two agents never keep one worker alive', async () => {
    const { agent } = await workerWithAgent();
    const older = await agent.post<RegisterResponse>('register', host);
    const newer = await agent.post<RegisterResponse>('register', host);
    expect(await agent.post('heartbeat', { leaseId: older.body.leaseId })).toMatchObject({ status: 404, body: { code: 'lease_lost' } });
    expect(await agent.post('heartbeat', { leaseId: newer.body.leaseId })).toMatchObject({ status: 204 });
  });

  test('is asked for again when the lease is gone', async () => {
    const { worker, agent } = await workerWithAgent();
    const { body } = await agent.post<RegisterResponse>('register', host);
    await api.dependencies.leases.revoke(body.leaseId);
    expect(await agent.post('heartbeat', { leaseId: body.leaseId })).toMatchObject({ status: 404, body: { code: 'lease_lost' } });
    expect((await api.dependencies.fresh.worker(worker.id)).lease).toBeUndefined();
  });

  test('the ports of the host are recorded when they are told', async () => {
    const { worker, agent } = await workerWithAgent();
    await agent.post('register', host);
    await agent.post('observations', { observations: [], hostPorts: [2001, 2010] });
    expect((await api.dependencies.fresh.worker(worker.id)).observed?.value).toMatchObject({ hostname: 'box', hostPorts: [2001, 2010] });
  });
});

describe('identity', () => {
  test.each([
    ['no token', {}],
    ['an unknown token', { authorization: 'Bearer nobody' }],
    ['another scheme', { authorization: 'Basic abc' }],
  ])('%s is 401, wherever it is shown', async (_what, headers) => {
    const { worker } = await workerWithAgent();
    const before = await api.keys();
    const base = `/api/internal/v1/workers/${worker.id}`;
    const replies = [
      await api.client.post<ProblemBody>(`${base}/register`, host, headers),
      await api.client.post<ProblemBody>(`${base}/heartbeat`, { leaseId: '1' }, headers),
      await api.client.post<ProblemBody>(`${base}/observations`, { observations: [] }, headers),
      await api.client.get<ProblemBody>(`${base}/plan`, headers),
      await api.client.get<ProblemBody>(`/api/internal/v1/workloads/${'0'.repeat(64)}`, headers),
      await api.client.post<ProblemBody>('/api/internal/v1/workers/w-none/register', host, headers),
    ];
    expect(replies.map(({ status, body }) => [status, body.code])).toEqual(replies.map(() => [401, 'unauthenticated']));
    expect(await api.keys()).toEqual(before);
  });

  test('an agent that writes for another worker is refused', async () => {
    const [one, two] = [await workerWithAgent(), await workerWithAgent()];
    const before = await api.keys();
    expect(await one.agent.post('register', host, two.worker.id)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await one.agent.post('observations', { observations: [] }, two.worker.id)).toMatchObject({ status: 403 });
    expect(await api.keys()).toEqual(before);
  });

  test('a token ends with its worker', async () => {
    const { worker, agent } = await workerWithAgent();
    await api.client.delete(`/api/v1/workers/${worker.id}`);
    await lifecycle.endWorker(worker.id);
    await api.dependencies.cache.waitForRevision(await api.dependencies.etcd.revision(), 5_000);
    expect(await agent.post('register', host)).toMatchObject({ status: 401 });
  });

  test('a token that was made a moment ago through another server is known', async () => {
    const other = await TestApi.start(world);
    try {
      other.dependencies.cache.stop(); // It hears of nothing any more.
      const worker = await objects.worker();
      const agent = new Agent(worker.id, await lifecycle.provision(worker.id), other);
      expect(await agent.post('register', host)).toMatchObject({ status: 200 });
    } finally {
      await other.stop();
    }
  });
});

describe('observations', () => {
  let worker: WorkerDocument;
  let agent: Agent;
  let nextPort = 2000;
  beforeAll(async () => {
    ({ worker, agent } = await workerWithAgent());
  });

  async function running(): Promise<{ instanceId: string; allocationId: string }> {
    const { id } = await objects.instance();
    const allocationId = await lifecycle.run(id, worker.id, { http: nextPort++ });
    await api.dependencies.cache.waitForRevision(await api.dependencies.etcd.revision(), 5_000);
    return { instanceId: id, allocationId };
  }

  const observed = async (instanceId: string) => (await api.dependencies.fresh.instance(instanceId)).observed;

  test('are recorded by one commit without a read', async () => {
    const allocation = await running();
    const range = jest.spyOn(api.dependencies.etcd.raw.kv, 'range');
    const txn = jest.spyOn(api.dependencies.etcd.raw.kv, 'txn');
    await expect(agent.observe({ ...allocation, state: 'running', components: { web: { state: 'ready' } } })).resolves.toEqual(['recorded']);
    expect([range.mock.calls.length, txn.mock.calls.length]).toEqual([0, 1]);
    range.mockRestore();
    txn.mockRestore();
    expect((await observed(allocation.instanceId))?.value).toMatchObject({ workerId: worker.id, state: 'running', components: { web: { state: 'ready' } } });
  });

  test('that were overtaken, or say nothing new, are recorded as what they are: nothing', async () => {
    const allocation = await running();
    await agent.observe({ ...allocation, attempt: 2, state: 'failed', failure: { class: 'transient', reason: 'Exited', message: 'code 1' } });
    const { revision } = (await observed(allocation.instanceId))!;
    for (const late of [
      { attempt: 1, state: 'absent' as const },
      { attempt: 2, state: 'starting' as const },
      { attempt: 2, state: 'running' as const },
      { attempt: 2, state: 'exited' as const },
      { attempt: 2, state: 'failed' as const, failure: { class: 'transient' as const, reason: 'Exited', message: 'code 1' } },
    ]) {
      await expect(agent.observe({ ...allocation, ...late })).resolves.toEqual(['recorded']);
      expect((await observed(allocation.instanceId))?.revision).toBe(revision);
    }
    await agent.observe({ ...allocation, attempt: 2, state: 'stopped' });
    expect((await observed(allocation.instanceId))?.value.state).toBe('stopped');
  });

  test('of one request keep their order', async () => {
    const allocation = await running();
    await agent.observe({ ...allocation, state: 'starting' }, { ...allocation, state: 'running' }, { ...allocation, state: 'failed' });
    expect((await observed(allocation.instanceId))?.value.state).toBe('failed');
  });

  test('of an allocation that is no longer this worker’s are superseded, and change nothing', async () => {
    const allocation = await running();
    const other = await workerWithAgent();
    const before = await api.keys();
    await expect(other.agent.observe(allocation)).resolves.toEqual(['superseded']);
    await expect(agent.observe({ ...allocation, allocationId: 'a-former' })).resolves.toEqual(['superseded']);
    await expect(agent.observe({ instanceId: 'i-none', allocationId: 'a-1' })).resolves.toEqual(['superseded']);
    const mixed = await agent.observe({ instanceId: 'i-none', allocationId: 'a-1' }, { ...allocation, state: 'starting' });
    expect(mixed).toEqual(['superseded', 'recorded']);
    const { [`instances/${allocation.instanceId}/observed`]: _recorded, ...after } = await api.keys();
    expect(after).toEqual(before);
  });

  test('through a server that has not heard of the allocation are not superseded', async () => {
    const behind = await TestApi.start(world);
    try {
      await behind.dependencies.cache.waitForRevision(await behind.dependencies.etcd.revision(), 5_000);
      behind.dependencies.cache.stop();
      const allocation = await running();
      await expect(new Agent(worker.id, agent.token, behind).observe({ ...allocation, state: 'starting' })).resolves.toEqual(['recorded']);
    } finally {
      await behind.stop();
    }
  });

  test('nudge when a step is due that nobody is at, and not when one is in flight', async () => {
    const { instanceId, allocationId } = await running();
    const nudgesOf = () => api.nudges.filter((nudge) => nudge === `Instance ${instanceId}`).length;
    const before = nudgesOf();
    await agent.observe({ instanceId, allocationId, state: 'running' });
    await settled(instanceId);
    expect(nudgesOf()).toBe(before);
    await agent.observe({ instanceId, allocationId, state: 'failed', failure: { class: 'transient', reason: 'Exited', message: 'code 1' } });
    await until(() => nudgesOf() === before + 1);

    const { id } = await objects.instance();
    const starting = await lifecycle.place(id, worker.id, { http: nextPort++ });
    await lifecycle.begin(id, 'start');
    const nudged = api.nudges.length;
    await agent.observe({ instanceId: id, allocationId: starting, state: 'running' });
    await settled(id);
    expect(api.nudges.slice(nudged)).toEqual([]);
  });

  test('meet a commit that moves what they were decided on, and are recorded all the same', async () => {
    const allocation = await running();
    await Promise.all(
      (['starting', 'running', 'failed', 'stopped', 'absent'] as const).map((state) => agent.observe({ ...allocation, state })),
    );
    expect((await observed(allocation.instanceId))?.value.state).toBe('absent');
  });

  test.each([
    ['too many', { observations: Array.from({ length: 51 }, () => ({})) }],
    ['an unknown state', { observations: [{ instanceId: 'i-1', allocationId: 'a-1', attempt: 1, planRevision: '1', state: 'sleeping', components: {}, observedAt: 'now' }] }],
    ['an id that could leave its key', { observations: [{ instanceId: '../x', allocationId: 'a-1', attempt: 1, planRevision: '1', state: 'running', components: {}, observedAt: 'now' }] }],
  ])('%s are refused', async (_what, body) => {
    expect(await agent.post('observations', body)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  /** The cache shows the observation, so whatever nudge it led to has been sent. */
  async function settled(instanceId: string): Promise<void> {
    const { revision } = (await observed(instanceId))!;
    await api.dependencies.cache.waitForRevision(revision, 5_000);
    await new Promise(setImmediate);
  }
});

describe('what a newer server recorded', () => {
  let worker: WorkerDocument;
  let agent: Agent;
  beforeAll(async () => {
    ({ worker, agent } = await workerWithAgent());
    await agent.post('register', host);
  });

  async function running(port: number): Promise<{ instanceId: string; allocationId: string }> {
    const { id } = await objects.instance();
    return { instanceId: id, allocationId: await lifecycle.run(id, worker.id, { http: port }) };
  }

  async function writtenByNewer(key: string) {
    const { etcd, cache } = api.dependencies;
    const former = await etcd.get(key);
    const value = { ...(former?.value as object), schemaVersion: 2, addedByNewer: true };
    await etcd.raw.kv.put({ key: etcd.key(key), value: Buffer.from(JSON.stringify(value)) });
    await cache.waitForRevision(await etcd.revision(), 5_000);
    return etcd.get(key);
  }

  const refused = { status: 503, body: { code: 'newer_version', retryable: true, found: 2, known: 1 } };

  test('of an instance is kept, and the observations of others are recorded', async () => {
    const [one, other] = [await running(2000), await running(2001)];
    const key = keys.instanceObserved(one.instanceId);
    await agent.observe({ ...one, state: 'starting' });
    const newer = await writtenByNewer(key);
    const seen = { attempt: 1, planRevision: '1', state: 'running', components: {}, observedAt: new Date().toISOString() };
    expect(await agent.post('observations', { observations: [{ ...one, ...seen }, { ...other, ...seen }] })).toMatchObject(refused);
    expect(await api.dependencies.etcd.get(key)).toEqual(newer);
    expect((await api.dependencies.fresh.instance(other.instanceId)).observed?.value).toMatchObject({ state: 'running' });
  });

  test('of a host is kept, and the observations of its instances are recorded', async () => {
    const allocation = await running(2002);
    const key = keys.workerObserved(worker.id);
    const newer = await writtenByNewer(key);
    const seen = { ...allocation, attempt: 1, planRevision: '1', state: 'running', components: {}, observedAt: new Date().toISOString() };
    expect(await agent.post('observations', { observations: [seen], hostPorts: [2077] })).toMatchObject(refused);
    expect(await agent.post('register', { ...host, address: '127.0.0.9' })).toMatchObject(refused);
    expect(await api.dependencies.etcd.get(key)).toEqual(newer);
    expect((await api.dependencies.fresh.instance(allocation.instanceId)).observed?.value).toMatchObject({ state: 'running' });
    // What it says is known already: nothing has to be written, so the worker stays online.
    expect(await agent.post('register', host)).toMatchObject({ status: 200 });
  });

  test('of a spec is kept: a command is refused, and may be given to a newer server', async () => {
    const { id } = await objects.instance();
    const newer = await writtenByNewer(keys.instanceSpec(id));
    const reply = await api.client.delete<ProblemBody>(`/api/v1/instances/${id}`);
    expect(reply).toMatchObject(refused);
    expect(reply.body.detail).toContain(keys.instanceSpec(id));
    expect(await api.dependencies.etcd.get(keys.instanceSpec(id))).toEqual(newer);
  });
});

describe('workloads', () => {
  test('are given to the worker whose plan names them, and to no other', async () => {
    const { worker, agent } = await workerWithAgent();
    const stranger = await workerWithAgent();
    const { id } = await objects.instance();
    const workload: Workload = {
      schemaVersion: 1,
      instanceId: id,
      definition: { name: 'web', version: '1.0.0' },
      components: [],
      ports: { http: 2000 },
      files: { 'a.txt': 'text' },
    };
    const hash = await workloadBodies(api.mongo).put(workload);
    await lifecycle.run(id, worker.id, { http: 2000 }, hash);
    expect(await agent.get(`workloads/${hash}`)).toMatchObject({ status: 200, body: workload });
    expect(await stranger.agent.get(`workloads/${hash}`)).toMatchObject({ status: 404, body: { code: 'workload_not_found' } });
    expect(await agent.get(`workloads/${'0'.repeat(64)}`)).toMatchObject({ status: 404 });
    expect(await agent.get('workloads/abc')).toMatchObject({ status: 400 });
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('not within 5 s');
    await new Promise(setImmediate);
  }
}
