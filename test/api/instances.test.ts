import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { ApiDependencies } from '../../src/api/dependencies';
import type { CommitOutcome, Decision } from '../../src/stores/etcd/commit';
import type { Committer } from '../../src/stores/etcd/committer';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, smallTemplate, webDocument } from './support/objects';
import { TestApi } from './support/test-api';

/** Runs before each commit that the API asks for. */
let beforeCommit: (decision: Decision) => Promise<void> = async () => undefined;

function interposed(dependencies: ApiDependencies): ApiDependencies {
  const commit = async (decision: Decision): Promise<CommitOutcome> => {
    await beforeCommit(decision);
    return dependencies.committer.commit(decision);
  };
  return { ...dependencies, committer: { commit } as unknown as Committer };
}

let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
beforeAll(async () => {
  api = await TestApi.start(undefined, interposed);
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
});
beforeEach(() => {
  beforeCommit = async () => undefined;
});
afterAll(() => api.stop());

const web = { definition: { name: 'web', version: '1.0.0' } };

async function refused(send: () => Promise<{ readonly status: number; readonly body: ProblemBody }>): Promise<ProblemBody> {
  const before = await api.keys();
  const { status, body } = await send();
  expect(await api.keys()).toEqual(before);
  expect(body).toMatchObject({ status, requestId: expect.any(String) });
  return body;
}

test('a new instance is PENDING, wanted running, and its lifecycle is nudged', async () => {
  const reply = await api.client.post<InstanceDocument>(instances, { ...web, labels: { team: 'a' }, priority: 7, maxDuration: '1h' });
  expect(reply.status).toBe(201);
  expect(reply.body).toMatchObject({
    kind: 'Instance',
    org: 'default',
    project: 'default',
    generation: 1,
    labels: { team: 'a' },
    spec: { intent: 'running', priority: 7, maxDurationMs: 3_600_000, ports: [{ name: 'http', protocol: 'tcp' }] },
    status: { phase: 'PENDING', observedGeneration: 1 },
  });
  expect(reply.body.worker).toBeUndefined();
  expect(reply.headers.get('location')).toBe(`${instances}/${reply.body.id}`);
  expect(reply.headers.get('berth-revision')).toBe(reply.body.revision);
  expect(api.nudges).toContain(`Instance ${reply.body.id}`);
});

test('a definition may be named by its id', async () => {
  const definition = await objects.definition(webDocument({ name: 'by-id' }));
  const instance = await objects.instance({ definition: { id: definition.id } });
  expect(instance.spec.definition).toMatchObject({ id: definition.id, name: 'by-id', version: '1.0.0', contentHash: definition.spec.contentHash });
});

test.each([
  ['an unknown field', { ...web, replicas: 3 }, 'replicas'],
  ['no definition', {}, 'definition'],
  ['a name without a version', { definition: { name: 'web' } }, 'definition'],
  ['both an id and a name', { definition: { id: 'd-1', name: 'web', version: '1.0.0' } }, 'definition'],
  ['an id that could leave its key', { definition: { id: '../x' } }, 'definition.id'],
  ['a priority beyond its bounds', { ...web, priority: 100_000 }, 'priority'],
  ['a duration without a unit', { ...web, maxDuration: '60' }, 'maxDuration'],
  ['a label that is no text', { ...web, labels: { a: 1 } }, 'labels.a'],
])('%s is refused with its path, and nothing changes', async (_what, request, path) => {
  const problem = await refused(() => api.client.post<ProblemBody>(instances, request));
  expect(problem).toMatchObject({ code: 'invalid_request', status: 400 });
  expect(problem.errors?.map((error) => error.path)).toContain(path);
});

test('an unknown definition is refused', async () => {
  for (const definition of [{ name: 'web', version: '9.9.9' }, { name: 'nobody', version: '1.0.0' }, { id: 'd-none' }]) {
    expect(await refused(() => api.client.post<ProblemBody>(instances, { definition }))).toMatchObject({ code: 'definition_not_found', status: 404 });
  }
});

test('a definition that is not ACTIVE takes no new instances', async () => {
  const definition = await objects.definition(webDocument({ name: 'old' }));
  await api.client.post(`${definitions}/${definition.id}/deprecate`);
  const problem = await refused(() => api.client.post<ProblemBody>(instances, { definition: { id: definition.id } }));
  expect(problem).toMatchObject({ code: 'definition_not_active', status: 409, phase: 'DEPRECATED' });
});

test('what a server has not heard of yet is looked for in the store', async () => {
  const definition = await objects.definition(webDocument({ name: 'unheard-of' }));
  const find = jest.spyOn(api.dependencies.cached, 'definition').mockReturnValueOnce(undefined);
  await objects.instance({ definition: { id: definition.id } });
  expect(find).toHaveBeenCalled();
  find.mockRestore();
});

test('a definition deprecated during an admission never gets an instance from a later revision', async () => {
  const definition = await objects.definition(webDocument({ name: 'closing' }));
  const other = await TestApi.start({ prefix: api.dependencies.etcd.prefix, database: 'unused' });
  try {
    let deprecations = 0;
    beforeCommit = async (decision) => {
      if (!decision.id.startsWith('instances/') || deprecations++ > 0) return;
      await api.dependencies.definitionBodies.get(definition.spec.contentHash).then((body) => other.dependencies.definitionBodies.put(body));
      expect(await other.client.post(`${definitions}/${definition.id}/deprecate`)).toMatchObject({ status: 200 });
    };
    const { status, body } = await api.client.post<ProblemBody>(instances, { definition: { id: definition.id } });
    expect(deprecations).toBe(1);
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'definition_not_active' });
    const { entries } = await api.dependencies.etcd.list('instances/');
    expect(entries.filter(({ value }) => JSON.stringify(value).includes(definition.id))).toEqual([]);
  } finally {
    await other.stop();
  }
});

describe('an act', () => {
  test('is data in the spec: the generation rises, the status stays the lifecycle’s', async () => {
    const instance = await objects.instance();
    const reply = await api.client.delete<InstanceDocument>(`${instances}/${instance.id}`);
    expect(reply).toMatchObject({ status: 202, body: { generation: 2, spec: { intent: 'terminated' }, status: { phase: 'PENDING', observedGeneration: 1 } } });
    expect(reply.body.deletionRequestedAt).toBeDefined();
    expect(reply.headers.get('etag')).toBe(`"${reply.body.revision}"`);
    const again = await api.client.delete<InstanceDocument>(`${instances}/${instance.id}`);
    expect(again).toMatchObject({ status: 202, body: { generation: 2 } });
  });

  test.each(['start', 'stop', 'retry'] as const)('%s is refused where the table refuses it', async (verb) => {
    const instance = await objects.instance();
    const problem = await refused(() => api.client.post<ProblemBody>(`${instances}/${instance.id}/${verb}`));
    expect(problem).toMatchObject({ code: 'invalid_transition', status: 409, phase: 'PENDING' });
  });

  test('takes no body: what somebody sends there is not passed over', async () => {
    const instance = await objects.instance();
    const problem = await refused(() => api.client.request<ProblemBody>('DELETE', `${instances}/${instance.id}`, { force: true }, {}));
    expect(problem).toMatchObject({ code: 'invalid_request', errors: [{ path: 'force' }] });
    expect(await api.client.request('DELETE', `${instances}/${instance.id}`, {}, {})).toMatchObject({ status: 202 });
  });

  test('a second command waits until the first is taken up', async () => {
    await objects.template();
    const worker = await objects.worker();
    await lifecycle.provision(worker.id);
    const instance = await objects.instance();
    await lifecycle.place(instance.id, worker.id, { http: 2000 });
    await lifecycle.giveUp(instance.id);
    const retried = await api.client.post<InstanceDocument>(`${instances}/${instance.id}/retry`);
    expect(retried).toMatchObject({ status: 202, body: { spec: { command: { kind: 'retry', generation: 2 } } } });
    const problem = await refused(() => api.client.post<ProblemBody>(`${instances}/${instance.id}/retry`));
    expect(problem).toMatchObject({ code: 'command_pending', status: 409 });
    expect(await api.client.delete(`${instances}/${instance.id}`)).toMatchObject({ status: 202 });
  });

  test('on nothing is 404', async () => {
    for (const [method, path] of [['POST', '/stop'], ['POST', '/start'], ['POST', '/retry'], ['DELETE', ''], ['GET', ''], ['GET', '/events']] as const) {
      const reply = await api.client.request<ProblemBody>(method, `${instances}/i-none${path}`, undefined, {});
      expect(reply).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
    }
  });

  test('two different requests for the same are two: each leaves a record of its own', async () => {
    const instance = await objects.instance();
    const keysOf = ['one', 'two', 'three', 'four'];
    const replies = await Promise.all(
      keysOf.map((key) => api.client.delete<InstanceDocument>(`${instances}/${instance.id}`, { 'idempotency-key': key })),
    );
    expect(replies.map(({ status, body }) => [status, body.generation])).toEqual(keysOf.map(() => [202, 2]));
    const { entries } = await api.dependencies.etcd.list('outbox/');
    const events = entries.flatMap(({ value }) => (value as { events: Array<{ subject: string; sequence: number }> }).events);
    expect(events.filter(({ subject }) => subject === instance.id).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test('gives up after five times that others were faster, and says who they were', async () => {
    const instance = await objects.instance();
    let tries = 0;
    beforeCommit = async (decision) => {
      if (!decision.id.includes(instance.id)) return;
      tries += 1;
      const { etcd, fresh } = api.dependencies;
      const { status } = await fresh.instance(instance.id);
      await etcd.raw.put(`${etcd.prefix}instances/${instance.id}/state`).value(JSON.stringify(status.value));
    };
    const reply = await api.client.delete<ProblemBody>(`${instances}/${instance.id}`);
    expect(tries).toBe(5);
    expect(reply).toMatchObject({
      status: 409,
      body: { code: 'conflict', retryable: true, changedBy: 'user:p-administrator', changed: [`instances/${instance.id}/state`] },
    });
  });
});

describe('what no worker could ever hold', () => {
  let world: TestApi;
  let made: Objects;
  beforeAll(async () => {
    world = await TestApi.start();
    made = new Objects(world);
    await made.definition(webDocument({ name: 'huge', components: [{ name: 'web', runtime: 'noop', resources: { memory: '64Gi' } }] }));
    await made.definition(webDocument({ name: 'far', constraints: { labels: { zone: 'moon' } } }));
    await made.definition(
      webDocument({ name: 'far-and-huge', constraints: { labels: { zone: 'moon' } }, components: [{ name: 'web', runtime: 'noop', resources: { memory: '64Gi' } }] }),
    );
    await made.definition(webDocument({ name: 'low', components: [{ name: 'web', runtime: 'noop', ports: [{ name: 'http', port: 80 }] }] }));
    await made.definition();
  });
  afterAll(() => world.stop());

  const ask = (name: string) => world.client.post<ProblemBody>(instances, { definition: { name, version: '1.0.0' } });

  test('is admitted while nobody knows what workers there will be', async () => {
    expect(await ask('huge')).toMatchObject({ status: 201 });
  });

  test('is refused with a reason for each worker and template', async () => {
    const template = await made.template();
    const worker = await made.worker();
    await world.dependencies.cache.waitForRevision(Number(worker.revision), 5_000);
    const huge = await ask('huge');
    expect(huge).toMatchObject({ status: 422, body: { code: 'unplaceable' } });
    expect(huge.body['reasons']).toEqual([
      { candidate: `template ${template.spec.name}`, code: 'NotEnoughMemory', message: expect.stringContaining('65536 MiB') },
      { candidate: worker.id, code: 'NotEnoughMemory', message: expect.stringContaining('65536 MiB') },
    ]);
    // A worker with such a label can be made from the template.
    expect(await ask('far')).toMatchObject({ status: 201 });
    expect(await ask('far-and-huge')).toMatchObject({ status: 422, body: { reasons: [{ code: 'NotEnoughMemory' }, { code: 'LabelsDoNotMatch' }] } });
    expect(await ask('low')).toMatchObject({ status: 422, body: { reasons: [{ code: 'PortOutOfRange' }, { code: 'PortOutOfRange' }] } });
    expect(await ask('web')).toMatchObject({ status: 201 });
  });

  test('is admitted as soon as a template can make a worker that holds it', async () => {
    await made.template({ ...smallTemplate, name: 'big', capacity: { cpu: 64, memory: '256Gi', storage: '1Ti' } });
    expect(await ask('huge')).toMatchObject({ status: 201 });
  });
});

test('an instance shows where it is, on which ports, and what it can no longer know when its worker is gone', async () => {
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const instance = await objects.instance();
  await lifecycle.run(instance.id, worker.id, { http: 2042 });
  const shown = async () => {
    const revision = await api.dependencies.etcd.revision();
    return (await api.client.get<InstanceDocument>(`${instances}/${instance.id}?minRevision=${revision}`)).body;
  };
  const running = await shown();
  expect(running).toMatchObject({ worker: { id: worker.id, name: worker.spec.name }, ports: { http: 2042 }, status: { phase: 'RUNNING' } });
  expect(running.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));

  await api.dependencies.etcd.raw.delete().key(`${api.dependencies.etcd.prefix}workers/${worker.id}/lease`);
  const orphaned = await shown();
  expect(orphaned.status).toMatchObject({ phase: 'RUNNING' });
  expect(orphaned.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'Unknown', reason: 'WorkerOffline' }));
});
