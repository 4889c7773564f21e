import { randomBytes } from 'node:crypto';
import { ledgerFindings } from '../support/ledger-findings';
import { EtcdClient } from '../../src/stores/etcd/client';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply, Reply } from '../support/client';
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
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end();
}, 120_000);

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
  }, 120_000);

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
}, 360_000);

test('the same Idempotency-Key of 50 clients at once, through two api processes, makes one instance', async () => {
  const definition = await apis[0]!.define({ components: [noopComponent] });
  const key = `key-${Date.now()}`;
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, n) => apis[n % 2]!.insist<InstanceReply>('POST', '/instances', { definition }, { 'idempotency-key': key })),
  );
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 201));
  expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
  expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') !== 'true')).toHaveLength(1);
  const list = await apis[0]!.must<{ items: unknown[] }>('GET', `/instances?definition=${definition.name}&minRevision=${replies[0]!.body.revision}`);
  expect(list.items).toHaveLength(1);
}, 120_000);

interface Refused {
  readonly code?: string;
}

/** An org of its own with a definition in it; whatever is created there lands on a worker that all orgs share. */
async function newOrg(quota?: Record<string, number>): Promise<{ org: string; ask: (n: number) => Promise<Reply<InstanceReply & Refused>>; held: () => Promise<number> }> {
  const name = `o-${randomBytes(4).toString('hex')}`;
  const { id: org } = await apis[0]!.must<{ id: string }>('POST', '/orgs', { name, ...(quota && { quota }) });
  const definition = { name, version: '1.0.0' };
  const made = await apis[0]!.must<{ revision: string }>('POST', `/definitions?org=${org}`, { ...definition, components: [noopComponent] });
  await Promise.all(apis.map((api) => api.must('GET', `/orgs/${org}?minRevision=${made.revision}`)));
  return {
    org,
    ask: (n) => apis[n % 2]!.insist('POST', '/instances', { org, definition }),
    held: async () => (await apis[0]!.must<{ used: { instances: number } }>('GET', `/quota?org=${org}`)).used.instances,
  };
}

test('of 200 creates at once, through two api processes, in an org that may have 50 instances, 50 are admitted', async () => {
  const { org, ask, held } = await newOrg({ instances: 50 });
  const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(n)));
  const admitted = replies.filter(({ status }) => status === 201);
  expect(admitted).toHaveLength(50);
  for (const { body } of replies.filter(({ status }) => status !== 201)) expect(body).toMatchObject({ status: 409, code: 'quota_exceeded', org, dimension: 'instances', limit: 50, usage: 50, requested: 1 });
  expect((await etcd.list('instances/')).entries.filter(({ key, value }) => key.endsWith('/spec') && (value as { org?: string }).org === org)).toHaveLength(50);
  // All are ended twice at once, by either process, and give back what they held once.
  await Promise.all(admitted.flatMap(({ body }) => apis.map((api) => api.insist('DELETE', `/instances/${body.id}`))));
  await apis[0]!.until('nothing is held', async () => (await held()) === 0);
  expect((await Promise.all(Array.from({ length: 51 }, (_, n) => ask(n)))).filter(({ status }) => status === 201)).toHaveLength(50);
}, 240_000);

test('an org that is suspended during a burst through two api processes admits nothing after that revision', async () => {
  const { org, ask } = await newOrg();
  const burst = Array.from({ length: 100 }, (_, n) => ask(n));
  await Promise.race(burst);
  const { revision } = await apis[1]!.must<{ revision: string }>('POST', `/orgs/${org}/suspend`);
  const late = Array.from({ length: 20 }, (_, n) => ask(n));
  const replies = await Promise.all([...burst, ...late]);
  for (const { status, body } of replies) {
    if (status === 201) expect(Number(body.revision)).toBeLessThan(Number(revision));
    else expect([status, body.code]).toEqual([403, 'org_suspended']);
  }
  expect((await Promise.all(late)).map(({ status }) => status)).toEqual(late.map(() => 403));
}, 120_000);

test('an instance is never admitted at a revision after its definition was deprecated', async () => {
  const [api] = apis;
  for (let round = 0; round < 10; round++) {
    const definition = await api!.define({ components: [noopComponent] });
    const { items } = await api!.must<{ items: Array<{ id: string }> }>('GET', `/definitions?name=${definition.name}`);
    const creates = Array.from({ length: 6 }, (_, n) => apis[n % 2]!.insist<InstanceReply & { code?: string }>('POST', '/instances', { definition }));
    const deprecated = apis[1]!.must<{ revision: string }>('POST', `/definitions/${items[0]!.id}/deprecate`);
    const { revision } = await deprecated;
    const late = await apis[0]!.insist<InstanceReply & Refused>('POST', '/instances', { definition });
    expect(late.status).not.toBe(201);
    for (const { status, body } of [...(await Promise.all(creates)), late]) {
      if (status === 201) expect(Number(body.revision)).toBeLessThan(Number(revision));
      else expect(body.code).toMatch(/definition_not_active|conflict/);
    }
  }
}, 120_000);
