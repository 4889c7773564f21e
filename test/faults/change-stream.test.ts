import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { chance } from '../support/chance';
import type { InstanceReply } from '../support/client';
import { noopComponent } from '../support/client';
import { eventually } from '../support/etcd';
import { budget } from './harness/budget';
import { RandomReader } from './harness/event-reader';
import { FaultStack } from './harness/fault-stack';
import type { DefinitionReference } from './harness/lane';
import { faultDatabase } from './harness/names';
import { readRecord } from './harness/record-reader';
import type { SteadyClient } from './harness/steady-client';
import { nothingBroken, verdict } from './harness/verdict';

const changesMin = budget.isLong ? 5_000 : 2_000;
const writersCount = 3;
const instancesPerWriter = 15;

let stack: FaultStack;
let etcd: EtcdClient;
let failed = true;

beforeAll(async () => {
  stack = await FaultStack.start({ api: 2, control: 2 });
  etcd = stack.openEtcd();
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end(failed);
}, 120_000);

/** Changes its own instances all the time: most are relabelled, some are stopped, started, and replaced by new ones. */
class Writer {
  changes = 0;
  private ended = false;
  private ids: string[] = [];
  private readonly writing: Promise<void>;

  constructor(
    private readonly api: SteadyClient,
    private readonly definition: DefinitionReference,
    private readonly random: () => number,
  ) {
    this.writing = this.write();
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.writing;
    for (const id of this.ids) await this.api.must('DELETE', `/instances/${id}`);
    for (const id of this.ids) await this.api.reaches('instances', id, 'TERMINATED');
  }

  private async write(): Promise<void> {
    while (!this.ended) {
      await this.change();
      this.changes += 1;
    }
  }

  private async change(): Promise<void> {
    const { api, random } = this;
    if (this.ids.length < instancesPerWriter) {
      this.ids.push((await api.must<InstanceReply>('POST', '/instances', { definition: this.definition })).id);
      return;
    }
    const index = Math.floor(random() * this.ids.length);
    const id = this.ids[index]!;
    const what = random();
    if (what < 0.02) {
      await api.must('DELETE', `/instances/${id}`);
      this.ids.splice(index, 1);
    } else if (what < 0.08) await api.call('POST', `/instances/${id}/${what < 0.05 ? 'stop' : 'start'}`); // Refused where it is not possible now.
    else await api.must('PATCH', `/instances/${id}`, { labels: { turn: String(this.changes) } });
  }
}

/** kill -9 of the process that records events; it stays away until another one has taken over. */
async function replaceProjector(): Promise<void> {
  const holder = async () => (await etcd.get(keys.leader('controller')))?.value as { holder: string } | undefined;
  const former = (await holder())!.holder;
  const leader = stack.controls.find(({ pid }) => former.endsWith(`/${pid}`))!;
  await leader.kill();
  await eventually('another process records events', async () => ((await holder())?.holder ?? former) !== former, 30_000);
}

async function withoutMongo(): Promise<void> {
  await stack.servers.mongodb.kill();
  await sleep(budget.outageMs);
  await stack.servers.mongodb.startAgain();
}

/** One api process does not see for a while what etcd has forgotten when it is back. */
async function restartCompactedEtcd(): Promise<void> {
  const { etcd: link } = stack.apis[1]!.links;
  link.cut();
  await sleep(2_000);
  await etcd.raw.kv.compact({ revision: String(await etcd.revision()), physical: true });
  await stack.servers.etcd.kill();
  await stack.servers.etcd.startAgain();
  link.pass();
}

test(`whoever is killed and goes on at random hears everything at least once and in order, by stream and poll alike, whatever fails meanwhile (seed ${budget.seed})`, async () => {
  const api = stack.client();
  await api.makeWorker({ from: 20_000, to: 24_999 });
  const definition = await api.define({ components: [noopComponent] });
  const { revision } = await api.read<{ revision: string }>('/instances');
  const readers = (['stream', 'poll'] as const).flatMap((by, which) =>
    stack.apiProxies.map(({ url }, index) => new RandomReader({ name: `${by} of api ${index}`, url, by, from: { revision }, random: chance(budget.seed + which * 2 + index) })),
  );
  const writers = Array.from({ length: writersCount }, (_, index) => new Writer(stack.client(), definition, chance(budget.seed + 100 + index)));
  const written = () => writers.reduce((sum, { changes }) => sum + changes, 0);

  await eventually('the first changes', () => written() > changesMin / 10, 240_000);
  await replaceProjector();
  await withoutMongo();
  await restartCompactedEtcd();
  await eventually('all changes', () => written() >= changesMin, 900_000);
  await Promise.all(writers.map((writer) => writer.end()));

  await eventually('the outbox is empty', async () => (await etcd.list(keys.outboxPrefix, 1)).entries.length === 0, 60_000);
  const record = (await readRecord(stack.servers.mongodb.address, faultDatabase)).filter((event) => Number(event.revision) > Number(revision));
  const expected = record.map(({ _id }) => _id).sort();
  expect(expected.length).toBeGreaterThanOrEqual(changesMin);
  const lastId = expected[expected.length - 1]!;
  for (const reader of readers) {
    await eventually(`${reader.options.name} hears of the last event`, () => reader.last === lastId, 60_000);
    await reader.end();
    expect({ reader: reader.options.name, heard: [...new Set(reader.heard)] }).toEqual({ reader: reader.options.name, heard: expected });
    expect(outOfOrder(reader.places)).toEqual([]);
    expect(reader.lives).toBeGreaterThan(5);
  }
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
  failed = false;
}, 1_500_000);

/** Where an object's event came before the one that precedes it, the first time that each was heard. */
function outOfOrder(places: readonly string[]): string[] {
  const last = new Map<string, number>();
  return places.filter((place) => {
    const [subject, number] = place.split('/') as [string, string];
    const sequence = Number(number);
    const former = last.get(subject);
    last.set(subject, Math.max(former ?? 0, sequence));
    return former !== undefined && sequence > former + 1;
  });
}
