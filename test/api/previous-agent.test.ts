import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ObservationsResponse } from '../../src/domain/plan';
import { workloadBodies } from '../../src/stores/mongo/bodies';
import { Lifecycle } from './support/lifecycle';
import { Objects } from './support/objects';
import { TestApi } from './support/test-api';

/** What an agent of an earlier version sends, and what it reads of the answer. `${…}` stands for what it was told before. */
interface AgentRequest {
  readonly does: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  /** Fields of the answer, and what `typeof` says of them. */
  readonly reads: Readonly<Record<string, string>>;
  /** Fields of the answer that later requests name. */
  readonly keeps?: Readonly<Record<string, string>>;
}

const previous = join(__dirname, '../previous');
let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start();
});
afterAll(() => api.stop());

test.each(readdirSync(previous))('an agent of version %s is answered as it expects', async (version) => {
  const requests = JSON.parse(readFileSync(join(previous, version, 'agent-requests.json'), 'utf8')) as AgentRequest[];
  const { known, token } = await allocated();
  for (const { does, method, path, body, status, reads, keeps = {} } of requests) {
    const told = (text: string) => text.replace(/\$\{(\w+)\}/g, (_, name: string) => known[name]!);
    const asked = body === undefined ? undefined : (JSON.parse(told(JSON.stringify(body))) as unknown);
    const headers = { authorization: `Bearer ${token}` };
    const reply = await (method === 'GET' ? api.client.get<Record<string, unknown>>(told(path), headers) : api.client.post<Record<string, unknown>>(told(path), asked, headers));
    expect({ does, status: reply.status }).toEqual({ does, status });
    const seen = Object.fromEntries(Object.keys(reads).map((field) => [field, typeof reply.body[field]]));
    expect({ does, seen }).toEqual({ does, seen: reads });
    for (const [field, name] of Object.entries(keeps)) known[name] = String(reply.body[field]);
    if (path.endsWith('/observations')) expect((reply.body as unknown as ObservationsResponse).results.map(({ result }) => result)).toEqual(['recorded']);
  }
});

/** An instance that its worker was just asked to start, and the names of it all. */
async function allocated(): Promise<{ known: Record<string, string>; token: string }> {
  const objects = new Objects(api);
  const lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
  const { id: worker } = await objects.worker();
  const token = await lifecycle.provision(worker);
  const { id: instance } = await objects.instance();
  const definition = { name: 'lab', version: '1.0.0' };
  const workload = await workloadBodies(api.mongo).put({ schemaVersion: 1, instanceId: instance, definition, components: [], ports: { http: 2000 }, files: {} });
  const allocation = await lifecycle.run(instance, worker, { http: 2000 }, workload);
  const revision = String(await api.dependencies.etcd.revision());
  return { token, known: { worker, instance, allocation, revision, workload } };
}
