import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from '../../src/processes/embedded/binaries';
import { startEtcd } from '../../src/processes/embedded/etcd';
import type { RunningServer } from '../../src/processes/embedded/server';
import { breakerFailuresMax } from '../../src/domain/limits';
import { eventually } from '../support/etcd';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

/** These tests stop etcd, so they have one of their own. */
let directory: string;
let etcd: RunningServer;
let api: TestApi;
let known: InstanceDocument;
let agent: { readonly path: string; readonly headers: Record<string, string>; readonly leaseId: string };
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'berth-etcd-'));
  const report = () => undefined;
  etcd = await startEtcd({ directory, report, binary: await findBinary('etcd', { report }), unsafeNoFsync: true });
  api = await TestApi.start(freshWorld({ etcdEndpoint: etcd.address }));
  const objects = new Objects(api);
  await objects.definition();
  known = await objects.instance();
  await objects.template();
  const worker = await objects.worker();
  const headers = { authorization: `Bearer ${await new Lifecycle(api).provision(worker.id)}` };
  const path = `/api/internal/v1/workers/${worker.id}`;
  const host = { hostname: 'box', agentVersion: '1', address: '127.0.0.1', hostPorts: [] };
  const { body } = await api.client.post<{ leaseId: string }>(`${path}/register`, host, headers);
  agent = { path, headers, leaseId: body.leaseId };
  await api.dependencies.cache.waitForRevision(await api.dependencies.etcd.revision(), 5_000);
});
afterAll(async () => {
  await api.stop();
  await etcd.child.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('with everything up the server is ready', async () => {
  expect(await api.client.get('/ready')).toMatchObject({ status: 200, body: { status: 'ready', dependencies: { etcd: 'up', mongodb: 'up' }, breakers: { etcd: 'closed', mongodb: 'closed' } } });
});

test('a dependency that does not answer is named within its bound', async () => {
  const hanging = await TestApi.start(
    freshWorld({
      health: [
        { name: 'temporal', check: () => new Promise(() => undefined) },
        { name: 'mongodb', check: () => Promise.reject(new Error('refused at 10.0.0.1')) },
        { name: 'etcd', check: () => Promise.resolve() },
      ],
    }),
  );
  const startedAt = Date.now();
  const reply = await hanging.client.get<ProblemBody>('/ready');
  await hanging.stop();
  expect(reply).toMatchObject({ status: 503, body: { code: 'not_ready', retryable: true, down: ['temporal', 'mongodb'] } });
  expect(JSON.stringify(reply.body)).not.toContain('10.0.0.1');
  expect(Date.now() - startedAt).toBeLessThan(4_000);
});

describe('without etcd', () => {
  beforeAll(() => etcd.child.stop());

  test('the server is alive, not ready, and says why', async () => {
    expect(await api.client.get('/health')).toMatchObject({ status: 200 });
    expect(await api.client.get('/ready')).toMatchObject({ status: 503, body: { code: 'not_ready', down: ['etcd'] } });
  });

  test('what changes something is refused as retryable, naming etcd', async () => {
    for (const asked of [api.client.post<ProblemBody>(instances, { definition: known.spec.definition && { id: known.spec.definition.id } }), api.client.delete<ProblemBody>(`${instances}/${known.id}`)]) {
      const reply = await asked;
      expect(reply).toMatchObject({ status: 503, body: { retryable: true, dependency: 'etcd' } });
      expect(['dependency_unavailable', 'commit_uncertain']).toContain(reply.body.code);
      expect(reply.headers.get('idempotency-key')).toBeTruthy();
    }
  });

  test('after a few tries that is said at once, with when to try again, and shown to operators', async () => {
    const ask = () => api.client.get<ProblemBody>(`${instances}/i-none`);
    await Promise.all(Array.from({ length: breakerFailuresMax }, ask));
    const { breaker } = api.dependencies.etcd;
    expect(breaker.state).not.toBe('closed');
    const reply = await ask();
    expect(reply).toMatchObject({ status: 503, body: { code: 'dependency_unavailable', dependency: 'etcd', retryable: true } });
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await api.client.get('/ready')).toMatchObject({ status: 503, body: { breakers: { etcd: expect.stringMatching(/^(open|half-open)$/), mongodb: 'closed' } } });
    const { body: metrics } = await api.client.get<string>('/metrics');
    expect(metrics).toMatch(/^berth_breaker_state\{dependency="etcd",state="closed"\} 0$/m);
    expect(metrics).toMatch(/^berth_breaker_state\{dependency="mongodb",state="closed"\} 1$/m);
    expect(metrics).toMatch(/^berth_breaker_transitions_total\{dependency="etcd",state="open"\} [1-9]/m);
    expect(metrics).toMatch(/^berth_store_operation_failures_total\{store="etcd",operation="[a-z ]+",outcome="unavailable"\} [1-9]/m);
    expect(metrics).toMatch(/^berth_store_operation_failures_total\{store="etcd",operation="[a-z ]+",outcome="not tried"\} [1-9]/m);
  });

  test('an agent is told the same, and is not asked to register anew', async () => {
    const { path, headers, leaseId } = agent;
    const unavailable = { status: 503, body: { code: 'dependency_unavailable', dependency: 'etcd', retryable: true } };
    expect(await api.client.post(`${path}/heartbeat`, { leaseId }, headers)).toMatchObject(unavailable);
    expect(await api.client.post(`${path}/register`, { hostname: 'box', agentVersion: '2', address: '127.0.0.1', hostPorts: [] }, headers)).toMatchObject({ status: 503 });
  });

  test('reads go on from memory', async () => {
    expect(await api.client.get(`${instances}/${known.id}`)).toMatchObject({ status: 200, body: { id: known.id } });
    expect(await api.client.get(instances)).toMatchObject({ status: 200 });
    expect(await api.client.get(`${instances}/i-none`)).toMatchObject({ status: 503, body: { code: 'dependency_unavailable', dependency: 'etcd' } });
  });
});

test('etcd is used again as soon as it is back, and nobody has to ask for that', async () => {
  etcd = await startEtcd({ directory, report: () => undefined, binary: await findBinary('etcd', { report: () => undefined }), unsafeNoFsync: true, port: Number(new URL(etcd.address).port) });
  await eventually('calls are let through', () => api.dependencies.etcd.breaker.state === 'closed');
  expect(await api.client.delete(`${instances}/${known.id}`)).toMatchObject({ status: 202 });
});
