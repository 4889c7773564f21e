import { ledgerFindings } from '../support/ledger-findings';
import { EtcdClient } from '../../src/stores/etcd/client';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

let stack: TestStack;
let apis: readonly Client[];
let etcd: EtcdClient;

beforeAll(async () => {
  stack = await startTestStack({ api: 2, control: 2 });
  apis = stack.apis.map((url) => new Client(url));
  etcd = new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix });
}, 120_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end();
}, 60_000);

test('50 creates at once, through two api processes, placed by two control processes on one worker too small for all', async () => {
  const [api] = apis;
  const fits = 30;
  const workerId = await api!.makeWorker({ memory: `${fits * 16}Mi`, from: 21_000, to: 21_199 });
  const definition = await api!.define({ components: [{ ...noopComponent, ports: [{ name: 'http' }, { name: 'admin' }] }] });

  const created = await Promise.all(
    Array.from({ length: 50 }, (_, n) => apis[n % 2]!.must<InstanceReply>('POST', '/instances', { definition })),
  );
  const instances = await api!.until('as many running as fit, and the others waiting', async () => {
    const now = await Promise.all(created.map(({ id }) => api!.instance(id)));
    const running = now.filter(({ status }) => status.phase === 'RUNNING').length;
    const waiting = now.filter(({ status }) => status.conditions.some(({ type, status: value }) => type === 'Scheduled' && value === 'False')).length;
    return running === fits && waiting === 50 - fits ? now : undefined;
  }, 60_000);

  const ports = instances.flatMap((instance) => Object.values(instance.ports ?? {}));
  expect(ports).toHaveLength(fits * 2);
  expect(new Set(ports).size).toBe(ports.length);
  expect(ports.every((port) => port >= 21_000 && port <= 21_199)).toBe(true);
  const capacity = await api!.must<{ allocated: { memoryMib: number }; instances: number }>('GET', `/workers/${workerId}/capacity`);
  expect(capacity).toMatchObject({ allocated: { memoryMib: fits * 16 }, instances: fits });
  expect(await ledgerFindings(etcd)).toEqual([]);

  // What waited is placed by the scheduler as soon as there is room.
  const running = instances.filter(({ status }) => status.phase === 'RUNNING');
  await Promise.all(running.map(({ id }, n) => apis[n % 2]!.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`)));
  const waited = instances.filter(({ status }) => status.phase !== 'RUNNING');
  await Promise.all(waited.map(({ id }) => api!.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=60s`)));
  await Promise.all(waited.map(({ id }) => api!.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`)));

  expect(await api!.must('GET', `/workers/${workerId}/capacity`)).toMatchObject({ allocated: { memoryMib: 0, cpuMillicores: 0, storageMib: 0 }, instances: 0 });
  expect(await ledgerFindings(etcd)).toEqual([]);
  const left = (await etcd.list('')).entries.map(({ key }) => key).filter((key) => /^instances\/.*\/(worker|observed)$|\/plan\//.test(key));
  expect(left).toEqual([]);
}, 180_000);

test('the same Idempotency-Key sent 20 times at once through two api processes makes one instance', async () => {
  const definition = await apis[0]!.define({ components: [noopComponent] });
  const key = `key-${Date.now()}`;
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, n) => apis[n % 2]!.call<InstanceReply>('POST', '/instances', { definition }, { 'idempotency-key': key })),
  );
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
  expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
  expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') !== 'true')).toHaveLength(1);
  const list = await apis[0]!.must<{ items: unknown[] }>('GET', `/instances?definition=${definition.name}&minRevision=${replies[0]!.body.revision}`);
  expect(list.items).toHaveLength(1);
}, 60_000);

test('an instance is never admitted at a revision after its definition was deprecated', async () => {
  const [api] = apis;
  for (let round = 0; round < 10; round++) {
    const definition = await api!.define({ components: [noopComponent] });
    const { items } = await api!.must<{ items: Array<{ id: string }> }>('GET', `/definitions?name=${definition.name}`);
    const creates = Array.from({ length: 6 }, (_, n) => apis[n % 2]!.call<InstanceReply & { code?: string }>('POST', '/instances', { definition }));
    const deprecated = apis[1]!.must<{ revision: string }>('POST', `/definitions/${items[0]!.id}/deprecate`);
    const { revision } = await deprecated;
    const late = apis[0]!.call<InstanceReply & { code?: string }>('POST', `/instances?minRevision=${revision}`, { definition });
    for (const { status, body } of await Promise.all([...creates, late])) {
      if (status === 201) expect(Number(body.revision)).toBeLessThan(Number(revision));
      else expect(body.code).toMatch(/definition_not_active|conflict|unknown_field|invalid/);
    }
  }
}, 60_000);
