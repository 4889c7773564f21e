import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { TemplateView } from '../../src/api/templates/schemas';
import type { CapacityView, PortsView, WorkerDocument } from '../../src/api/workers/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { Objects, smallTemplate, templates, workers } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
let template: TemplateView;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
  template = await objects.template();
});
afterAll(() => api.stop());

/** A read of what is there now. */
async function now<Body>(path: string): Promise<Body> {
  const reply = await api.client.get<Body>(`${path}?minRevision=${await api.dependencies.etcd.revision()}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

describe('templates', () => {
  test('keep what they were given, with defaults', async () => {
    expect(template).toMatchObject({
      kind: 'WorkerTemplate',
      spec: { name: 'small', capacity: { cpuMillicores: 4000, memoryMib: 4096, storageMib: 20480 }, cpuRatio: 2, workerLabels: { zone: 'local' }, provisionTimeoutMs: 60_000 },
    });
    const plain = await objects.template({ name: 'plain', provider: 'local', capacity: { cpu: '500m', memory: '1Gi', storage: '1Gi' } });
    expect(plain.spec).toMatchObject({ description: '', cpuRatio: 4, portRange: { from: 2000, to: 9999 }, workerLabels: {} });
    expect(await now<TemplateView>(`${templates}/${plain.id}`)).toMatchObject({ id: plain.id });
    expect((await now<{ items: TemplateView[] }>(templates)).items.map(({ spec }) => spec.name)).toEqual(['small', 'plain']);
  });

  test('have unique names', async () => {
    const before = await api.keys();
    expect(await api.client.post(templates, smallTemplate)).toMatchObject({ status: 409, body: { code: 'template_exists', existingId: template.id } });
    expect(await api.keys()).toEqual(before);
    const raced = await Promise.all(Array.from({ length: 5 }, () => api.client.post(templates, { ...smallTemplate, name: 'raced' })));
    expect(raced.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  });

  test.each([
    ['a range upside down', { portRange: { from: 3000, to: 2000 } }, 'portRange.to'],
    ['an unknown field', { size: 'xl' }, 'size'],
    ['memory without a unit', { capacity: { cpu: 1, memory: '4', storage: '1Gi' } }, 'capacity.memory'],
    ['a ratio below one', { cpuRatio: 0.5 }, 'cpuRatio'],
    ['a name with capitals', { name: 'Small' }, 'name'],
  ])('%s is refused with its path', async (_what, differences, path) => {
    const before = await api.keys();
    const reply = await api.client.post<ProblemBody>(templates, { ...smallTemplate, name: 'bad', ...differences });
    expect(reply).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(reply.body.errors?.map((error) => error.path)).toContain(path);
    expect(await api.keys()).toEqual(before);
  });

  test('that are not there are 404', async () => {
    expect(await api.client.get(`${templates}/t-none`)).toMatchObject({ status: 404, body: { code: 'template_not_found' } });
    expect(await api.client.post(workers, { template: 'nobody' })).toMatchObject({ status: 404, body: { code: 'template_not_found' } });
  });
});

describe('workers', () => {
  test('are made from a template, PENDING, and their lifecycle is nudged', async () => {
    const reply = await api.client.post<WorkerDocument>(workers, { template: 'small', name: 'rack-1', labels: { rack: '1' } });
    expect(reply).toMatchObject({
      status: 201,
      body: { kind: 'Worker', labels: { zone: 'local', rack: '1' }, spec: { name: 'rack-1', intent: 'running' }, status: { phase: 'PENDING', health: 'Offline' } },
    });
    expect(reply.headers.get('location')).toBe(`${workers}/${reply.body.id}`);
    expect(api.nudges).toContain(`Worker ${reply.body.id}`);
    expect((await objects.worker()).spec.name).toMatch(/^small-[0-9a-f]{6}$/);
  });

  test('show what they hold: capacity, ports with their holders, instances', async () => {
    const { id } = await objects.worker();
    await lifecycle.provision(id);
    const { etcd } = api.dependencies;
    await etcd.raw.put(`${etcd.prefix}workers/${id}/observed`).value(
      JSON.stringify({ schemaVersion: 1, hostname: 'box', agentVersion: '1', address: '127.0.0.1', hostPorts: [2005, 9000], observedAt: 'now' }),
    );
    const one = await objects.instance();
    const two = await objects.instance();
    await lifecycle.run(one.id, id, { http: 2001 });
    await lifecycle.place(two.id, id, { http: 2007 });

    expect(await now<CapacityView>(`${workers}/${id}/capacity`)).toMatchObject({
      declared: { cpuMillicores: 4000, memoryMib: 4096 },
      cpuRatio: 2,
      allocated: { cpuMillicores: 200, memoryMib: 128, storageMib: 32 },
      available: { cpuMillicores: 7800, memoryMib: 3968, storageMib: 20448 },
      instances: 2,
    });
    expect(await now<PortsView>(`${workers}/${id}/ports`)).toMatchObject({
      range: { from: 2000, to: 2099 },
      free: 97,
      held: [
        { port: 2001, holder: { kind: 'instance', id: one.id, port: 'http' } },
        { port: 2005, holder: { kind: 'host' } },
        { port: 2007, holder: { kind: 'instance', id: two.id, port: 'http' } },
      ],
    });
    expect((await now<{ items: InstanceDocument[] }>(`${workers}/${id}/instances`)).items.map((item) => item.id)).toEqual([one.id, two.id]);
    const shown = await now<WorkerDocument>(`${workers}/${id}`);
    expect(shown).toMatchObject({ status: { phase: 'RUNNING', health: 'Healthy', externalId: 'host-1' }, host: { address: '127.0.0.1' } });
    expect(JSON.stringify(shown)).not.toMatch(/token/i);
  });

  test('that are terminated say what they wait for', async () => {
    const { id } = await objects.worker();
    await lifecycle.provision(id);
    const instance = await objects.instance();
    await lifecycle.run(instance.id, id, { http: 2001 });
    const reply = await api.client.delete<WorkerDocument>(`${workers}/${id}`);
    expect(reply).toMatchObject({ status: 202, body: { spec: { intent: 'terminated' }, generation: 2, notice: expect.stringContaining('last of its 1 instances') } });
    const again = await api.client.delete<WorkerDocument>(`${workers}/${id}`);
    expect(again).toMatchObject({ status: 202, body: { generation: 2 } });
    expect(await api.client.post(`${workers}/${id}/retry`)).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
  });

  test('that FAILED can be retried, once at a time', async () => {
    const { id } = await objects.worker();
    await lifecycle.failProvision(id);
    expect(await api.client.post(`${workers}/${id}/retry`)).toMatchObject({ status: 409, body: { code: 'invalid_transition', phase: 'PROVISIONING' } });
    const { etcd, fresh } = api.dependencies;
    const { status } = await fresh.worker(id);
    await etcd.raw.put(`${etcd.prefix}workers/${id}/state`).value(JSON.stringify({ ...status.value, phase: 'FAILED', operation: undefined }));
    expect(await api.client.post(`${workers}/${id}/retry`)).toMatchObject({ status: 202, body: { spec: { command: { kind: 'retry' } } } });
    expect(await api.client.post(`${workers}/${id}/retry`)).toMatchObject({ status: 409, body: { code: 'command_pending' } });
  });

  test('are listed and filtered', async () => {
    const made = await objects.worker({ template: 'small', labels: { row: '7' } });
    const listed = async (query: string) => {
      const reply = await api.client.get<{ items: WorkerDocument[] }>(`${workers}?minRevision=${made.revision}&${query}`);
      return reply.body.items.map(({ id }) => id);
    };
    await expect(listed('label=row=7&phase=PENDING&template=small')).resolves.toEqual([made.id]);
    await expect(listed('label=row=7&phase=RUNNING')).resolves.toEqual([]);
    await expect(listed('label=row=7&template=plain')).resolves.toEqual([]);
  });

  test('that are not there are 404', async () => {
    for (const [method, path] of [['GET', ''], ['GET', '/capacity'], ['GET', '/ports'], ['GET', '/instances'], ['POST', '/retry'], ['DELETE', '']] as const) {
      const reply = await api.client.request<ProblemBody>(method, `${workers}/w-none${path}`, undefined, {});
      expect(reply).toMatchObject({ status: 404, body: { code: 'worker_not_found' } });
    }
  });
});
