import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import type { InstanceReply, Reply } from '../support/client';
import { noopComponent } from '../support/client';
import { eventually } from '../support/etcd';
import { budget } from './harness/budget';
import { FaultStack } from './harness/fault-stack';
import type { FaultyProcess } from './harness/faulty-process';
import type { DefinitionReference } from './harness/lane';
import { Load } from './harness/load';
import { RecordingClient } from './harness/recording-client';
import { nothingBroken, verdict } from './harness/verdict';

type ServerName = keyof FaultStack['servers'];
type Manner = 'killed' | 'frozen';

interface Outage {
  readonly manner: Manner;
  readonly servers: readonly ServerName[];
  readonly lastsMs: number;
}

/** Longer than any patience of ours: requests, activities, leases and whoever gives them up have all run out by then. */
const longestMs = 45_000;
const { outageMs } = budget;
const everyServer: readonly ServerName[] = ['etcd', 'mongodb', 'temporal'];
const short: readonly Outage[] = [
  { manner: 'killed', servers: ['etcd'], lastsMs: outageMs },
  { manner: 'frozen', servers: ['etcd'], lastsMs: longestMs },
  { manner: 'frozen', servers: ['mongodb'], lastsMs: outageMs },
  { manner: 'killed', servers: ['temporal'], lastsMs: outageMs },
  { manner: 'killed', servers: everyServer, lastsMs: outageMs },
];
const long: readonly Outage[] = (['killed', 'frozen'] as const).flatMap((manner) =>
  [['etcd'], ['mongodb'], ['temporal'], ['etcd', 'mongodb'], ['etcd', 'temporal'], ['mongodb', 'temporal'], everyServer].map((servers) => ({
    manner,
    servers: servers as ServerName[],
    lastsMs: manner === 'frozen' ? longestMs : outageMs,
  })),
);
const outages = (budget.isLong ? long : short).map((outage) => [`${outage.servers.join(', ')} ${outage.manner} for ${outage.lastsMs} ms`, outage] as const);

let stack: FaultStack;
let etcd: EtcdClient;
let load: Load;
let light: DefinitionReference;
/** Runs all the time, and is nobody's but the probes'. */
let known: string;
/** Has been terminated. */
let ended: string;
/** Keys of creates that were not answered with success: each may have been done all the same. */
const unanswered: string[] = [];
let failed = true;

describe(`under load of seed ${budget.seed}`, () => {
  beforeAll(async () => {
    stack = await FaultStack.start({ api: 2, control: 2 });
    etcd = stack.openEtcd();
    const api = stack.client();
    await api.makeWorker({ from: 20_000, to: 24_999 });
    await api.makeWorker({ from: 25_000, to: 29_999 });
    light = await api.define({ components: [noopComponent] });
    const real = await api.define({ components: [stack.runs.component()] });
    // Each api process has made one, so that each knows the definition.
    known = (await createRunning(0)).id;
    ended = (await createRunning(1)).id;
    await end(ended);
    load = new Load({ api, definitions: [light, light, light, real], seed: budget.seed, users: 3 });
  }, 240_000);

  afterAll(async () => {
    etcd?.close();
    await stack?.end(failed);
  }, 120_000);

  test.each(outages)(
    '%s: what needs it is refused as retryable, all else works, and everything arrives by itself when it is back',
    async (_name, { manner, servers, lastsMs }) => {
      const before = load.created;
      await all(servers, (server) => (manner === 'killed' ? server.kill() : server.freeze()));
      // What nobody answers is answered by a bound, or by the server when it is back; what was refused at once is known now.
      const refused = probes(0).filter(({ needs }) => needs.some((name) => servers.includes(name)));
      const answers = Promise.all(refused.map(async ({ name, ask }) => [name, describeReply(await ask())]));
      const works = probes(1).filter((probe) => !refused.some(({ name }) => name === probe.name));
      for (const { name, ask } of works) expect([name, describeReply(await ask())]).toEqual([name, 'done']);
      expect(await notReady(1)).toEqual(expect.arrayContaining([...servers]));
      await sleep(lastsMs);
      if (manner === 'killed') expect(await answers).toEqual(refused.map(({ name }) => [name, 'retryable']));
      await all(servers, (server) => (manner === 'killed' ? server.startAgain() : server.thaw()));

      for (const [name, answer] of await answers) expect([name, answer]).toEqual([name, expect.stringMatching(/^(retryable|done)$/)]);
      await everythingIsWell();
      await eventually('the load goes on', () => load.created > before, 60_000);
    },
    240_000,
  );

  test('one api and one control process that lose all servers: the others carry on, and those two catch up', async () => {
    const cutOff = [stack.apis[1]!, stack.controls[1]!];
    links(cutOff, (link) => link.cut());
    const works = probes(0);
    for (const { name, ask } of works) expect([name, describeReply(await ask())]).toEqual([name, 'done']);
    for (const { name, needs, ask } of probes(1)) expect([name, describeReply(await ask())]).toEqual([name, needs.length > 0 ? 'retryable' : 'done']);
    await end((await createRunning(0)).id);
    await sleep(outageMs);
    links(cutOff, (link) => link.pass());
    await everythingIsWell();
  }, 480_000);

  test('an api process that is started while Temporal is away takes requests, and they are attended to when it is back', async () => {
    await stack.servers.temporal.kill();
    await stack.apis[1]!.kill();
    const { id } = await stack.client(1).must<InstanceReply>('POST', '/instances', { definition: light });
    await stack.servers.temporal.startAgain();
    await stack.client().reaches('instances', id, 'RUNNING');
    await end(id);
    await stack.apis[1]!.settled();
    await everythingIsWell();
  }, 480_000);

  test('etcd compacted and restarted while one api and one control process could not see it: the others attend to everything, and those two list anew and miss nothing', async () => {
    const cutOff = [stack.apis[1]!, stack.controls[1]!];
    const seenBefore = await createRunning(1);
    for (const process of cutOff) process.links.etcd.cut();
    await end(seenBefore.id);
    // The engine would give half of them to the process that cannot do anything for them.
    const [notSeen, ...others] = (await Promise.all(Array.from({ length: 8 }, () => createRunning(0)))).map(({ id }) => id) as [string, ...string[]];
    await Promise.all(others.map(end));
    const revision = await etcd.revision();
    await stack.recorder.upTo(revision);
    await etcd.raw.kv.compact({ revision: String(revision), physical: true });
    await stack.servers.etcd.kill();
    await stack.servers.etcd.startAgain();
    for (const process of cutOff) process.links.etcd.pass();

    await everythingIsWell();
    const second = stack.client(1);
    const gone = await second.read<InstanceReply>(`/instances/${seenBefore.id}?minRevision=${revision}`);
    expect([gone.status.phase, gone.worker]).toEqual(['TERMINATED', undefined]);
    expect((await second.read<InstanceReply>(`/instances/${notSeen}`)).status.phase).toBe('RUNNING');
    // The control process that has listed anew drives everything alone.
    await stack.controls[0]!.stop();
    await end((await createRunning(1)).id);
    await end(notSeen);
    await stack.controls[0]!.start();
  }, 480_000);

  test('in the end no promise was broken, and no process of ours has ended but the one that was killed', async () => {
    await load.end();
    for (const key of unanswered) {
      const { id } = await stack.client().must<InstanceReply>('POST', '/instances', { definition: light }, { 'Idempotency-Key': key });
      await end(id);
    }
    await end(known);
    expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
    const deaths = Object.fromEntries([...stack.apis, ...stack.controls].map((process) => [process.name, process.deaths]));
    expect(deaths).toEqual({ 'api-1': [], 'api-2': ['SIGKILL'], 'control-1': [], 'control-2': [] });
    failed = false;
  }, 480_000);
});

/** What somebody may ask for at any time, and the servers without which it cannot be done. */
interface Probe {
  readonly name: string;
  readonly needs: readonly ServerName[];
  readonly ask: () => Promise<Reply>;
}

/** Asked once, so that the first answer is the answer. */
function probes(index: number): readonly Probe[] {
  const once = new RecordingClient([stack.apiProxies[index]!.url], { calls: stack.calls, deadlineMs: 0, attemptTimeoutMs: 60_000 });
  const createAndEnd = async () => {
    const key = `probe-${randomUUID()}`;
    const reply = await once.call<InstanceReply>('POST', '/instances', { definition: light }, { 'Idempotency-Key': key });
    if (reply.status < 300) await stack.client().must('DELETE', `/instances/${reply.body.id}`);
    else unanswered.push(key);
    return reply as Reply<unknown> as Reply;
  };
  const name = `p-${stack.calls.length}-${index}`;
  return [
    { name: 'read an instance', needs: [], ask: () => once.call('GET', `/instances/${known}`) },
    { name: 'list instances', needs: [], ask: () => once.call('GET', '/instances?limit=10') },
    { name: 'create an instance of a known definition', needs: ['etcd'], ask: createAndEnd },
    { name: 'terminate an instance again', needs: ['etcd'], ask: () => once.call('DELETE', `/instances/${ended}`) },
    { name: 'read what happened to an instance', needs: ['mongodb'], ask: () => once.call('GET', `/instances/${known}/events`) },
    { name: 'define', needs: ['etcd', 'mongodb'], ask: () => once.call('POST', '/definitions', { name, version: '1.0.0', components: [noopComponent] }) },
  ];
}

/** `done`, `retryable`, or what else it was. */
function describeReply({ status, body }: Reply): string {
  if (status < 300) return 'done';
  return status === 503 && body['retryable'] === true ? 'retryable' : `${status} ${JSON.stringify(body)}`;
}

async function all(names: readonly ServerName[], act: (server: FaultStack['servers'][ServerName]) => unknown): Promise<void> {
  await Promise.all(names.map((name) => act(stack.servers[name])));
}

function links(processes: readonly FaultyProcess[], act: (link: FaultyProcess['links'][ServerName]) => void): void {
  for (const process of processes) for (const name of everyServer) act(process.links[name]);
}

/** What an api process says it cannot reach. */
async function notReady(index: number): Promise<readonly string[]> {
  const response = await fetch(`${stack.apiProxies[index]!.url}/ready`);
  const { down = [] } = (await response.json()) as { down?: readonly string[] };
  return down;
}

/** Every process does its work again, with what is there now. */
async function everythingIsWell(): Promise<void> {
  for (const index of stack.apis.keys()) await eventually(`api ${index} is ready`, async () => (await notReady(index)).length === 0, 60_000);
  const offices = [keys.leader('scheduler'), keys.leader('controller')];
  await eventually('there are leaders', async () => (await Promise.all(offices.map((key) => etcd.get(key)))).every((leader) => leader !== undefined), 60_000);
  const revision = await etcd.revision();
  for (const index of stack.apis.keys()) {
    await stack.client(index).read(`/instances?limit=1&minRevision=${revision}`);
    await end((await createRunning(index)).id);
  }
  await stack.client().reaches('instances', known, 'RUNNING');
}

async function createRunning(index: number): Promise<InstanceReply> {
  const api = stack.client(index);
  const created = await api.must<InstanceReply>('POST', '/instances', { definition: light });
  await api.reaches('instances', created.id, 'RUNNING');
  return created;
}

async function end(id: string): Promise<void> {
  const api = stack.client();
  await api.must('DELETE', `/instances/${id}`);
  await api.reaches('instances', id, 'TERMINATED');
}
