import { somebody } from '../api/support/access';
import { Lifecycle } from '../api/support/lifecycle';
import { Objects, webDocument } from '../api/support/objects';
import { freshWorld, TestApi } from '../api/support/test-api';
import { administratorId } from '../support/administrator';
import { OwnEtcd } from '../support/etcd';
import type { Fuzzing } from './schemathesis';
import { fuzz } from './schemathesis';

/**
 * Requests of every kind that the served document allows, and of every kind that it does not, to all that it names. `BERTH_FUZZ=long`
 * for hours that somebody has, by a seed of its own each time; a build is to fail for what was changed and not for its luck. The seed is printed.
 */
const isLong = process.env['BERTH_FUZZ'] === 'long';
const seed = Number(process.env['BERTH_FUZZ_SEED'] ?? (isLong ? Date.now() % 1_000_000 : 5));
const timeoutMs = isLong ? 6 * 60 * 60_000 : 10 * 60_000;

let etcd: OwnEtcd;
let api: TestApi;
let agent: string;
let world: Pick<Fuzzing, 'ids' | 'kept'>;

beforeAll(async () => {
  process.stderr.write(`requests by chance of BERTH_FUZZ_SEED=${seed}${isLong ? ', in the long form' : ''}\n`);
  // One of its own: it is compacted and defragmented, too.
  etcd = await OwnEtcd.start();
  api = await TestApi.start(freshWorld({ etcdEndpoint: etcd.url }));
  await makeSomeOfEach();
}, 60_000);

afterAll(async () => {
  await api?.stop();
  await etcd?.remove();
});

/** Fills the store with what the requests are about. */
async function makeSomeOfEach(): Promise<void> {
  const objects = new Objects(api);
  const lifecycle = new Lifecycle(api);
  const several = async (count: number, make: (n: number) => Promise<{ readonly id: string }>) => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push((await make(n)).id);
    return ids;
  };
  const created = async (path: string, body: unknown) => (await api.client.post<{ readonly id: string }>(`/api/v1/${path}`, body)).body;
  const ids = {
    definitions: await several(3, (n) => objects.definition(webDocument({ version: `1.0.${n}` }))),
    templates: [(await objects.template()).id],
    workers: await several(3, () => objects.worker()),
    instances: await several(6, () => objects.instance({ definition: { name: 'web', version: '1.0.0' } })),
    orgs: await several(3, (n) => created('orgs', { name: `tenant-${n}` })),
    projects: await several(3, (n) => created('projects', { name: `project-${n}` })),
    ...(await somePrincipals()),
  };
  const [worker] = ids.workers;
  const [first, second] = ids.instances;
  agent = await lifecycle.provision(worker!);
  await lifecycle.place(first!, worker!, { http: 2000 });
  await lifecycle.begin(first!, 'start');
  await lifecycle.queue(second!);
  const tokenId = /^berth_([^_]+)_/.exec(api.token)![1]!;
  world = { ids: { ...ids, agents: [worker!] }, kept: [administratorId, tokenId, 'default', 'platform', worker!] };
}

async function somePrincipals(): Promise<{ readonly principals: string[]; readonly tokens: string[] }> {
  const those = [await somebody(api), await somebody(api), await somebody(api)];
  return { principals: those.map(({ principal }) => principal.id), tokens: those.map(({ token }) => token.id) };
}

test.each([
  { who: 'somebody who runs Berth', tokens: () => ({ token: api.token, agent }), coverage: 'all' as const, casesPerOperation: isLong ? 500 : 5, casesMin: 5000 },
  { who: 'nobody that it knows', tokens: () => ({}), coverage: isLong ? ('all' as const) : ('positive' as const), casesPerOperation: isLong ? 500 : 3, casesMin: 1000 },
])('to $who every answer is as the document says', async ({ tokens, coverage, casesPerOperation, casesMin }) => {
  const { passed, report, cases, operations } = await fuzz({ url: api.url, seed, coverage, casesPerOperation, tokens: tokens(), ...world });
  process.stderr.write(`${cases} cases for ${operations.tested} operations\n`);
  if (!passed) throw new Error(report);
  expect(operations.tested).toBe(operations.total);
  expect(cases).toBeGreaterThanOrEqual(casesMin);
}, timeoutMs);
