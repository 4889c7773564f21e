import { leadProjection } from '../src/leaders/projector';
import { PermanentRecord } from '../src/leaders/permanent-record';
import { createRunDirectory } from '../src/processes/embedded/run-directory';
import { startServers } from '../src/processes/embedded/servers';
import { EtcdClient } from '../src/stores/etcd/client';
import { Committer } from '../src/stores/etcd/committer';
import { createDecision, instanceSpecDecision } from '../src/stores/etcd/decisions';
import { keys } from '../src/stores/etcd/keys';
import { WatchCache } from '../src/stores/etcd/watch-cache';
import { AuditEvents } from '../src/stores/mongo/audit-events';
import { connectMongo } from '../src/stores/mongo/connection';
import { alone, migrate } from '../src/stores/mongo/migrate';
import { Snapshots } from '../src/stores/mongo/snapshots';
import { newInstance } from '../test/support/domain-objects';
import type { Figure } from './figures';
import { rate } from './figures';

const burst = 20_000;
const eventsPerObject = 10;
const inFlight = 64;

/** How fast a burst of events leaves the outbox for the record on the embedded servers, with the snapshots that it leads to. */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const servers = await startServers({ directory: directory.path, report, external: { temporal: 'none' } });
  const client = new EtcdClient({ endpoints: [servers.etcd], prefix: '/bench/' });
  const mongo = connectMongo({ uri: servers.mongodb, database: 'bench', appName: 'bench' });
  const cache = new WatchCache(client, report);
  try {
    await cache.start();
    const committer = new Committer(client, () => 1);
    report(`committing ${burst} events`);
    const committed = await rate(burst / eventsPerObject, inFlight, (index) => live(committer, `i-${index}`));
    await cache.waitForRevision(await client.revision(), 60_000);
    report('projecting');
    const projected = await project({ committer, cache, mongo, report });
    return [
      { name: 'events committed', value: committed * eventsPerObject, unit: '/s', note: `one a commit, ${inFlight} in flight` },
      { name: 'events projected', value: projected.ratePerSecond, unit: '/s', asked: '>= 2000', note: `a burst of ${burst}, with as many snapshots` },
      { name: 'slowest tenth of the burst', value: projected.slowestPerSecond, unit: '/s' },
    ];
  } finally {
    cache.stop();
    client.close();
    await mongo.close();
    await servers.stop();
    directory.remove();
  }
}

/** One instance, created and asked things of, each a commit with one event. */
async function live(committer: Committer, id: string): Promise<void> {
  const { spec, status } = newInstance({ labels: { zone: 'a' } }, id);
  const created = await committer.commit(createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.instance.created' }));
  let revision = revisionOf(created);
  let entries = { id, spec: { value: spec, revision }, status: { value: status, revision }, allocation: undefined, observed: undefined };
  for (let sequence = 2; sequence <= eventsPerObject; sequence++) {
    const next = { ...entries.spec.value, sequence, generation: sequence };
    revision = revisionOf(await committer.commit(instanceSpecDecision(entries, next, 'stop')));
    entries = { ...entries, spec: { value: next, revision } };
  }
}

function revisionOf(outcome: Awaited<ReturnType<Committer['commit']>>): number {
  if (outcome.kind !== 'done') throw new Error(`not committed: ${JSON.stringify(outcome)}`);
  return outcome.revision;
}

interface Parts {
  readonly committer: Committer;
  readonly cache: WatchCache;
  readonly mongo: ReturnType<typeof connectMongo>;
  readonly report: (line: string) => void;
}

/** Projects until the outbox is empty; the rate over all of it, and over its slowest tenth. */
async function project({ committer, cache, mongo, report }: Parts): Promise<{ ratePerSecond: number; slowestPerSecond: number }> {
  const audit = new AuditEvents(mongo);
  await migrate(mongo, alone);
  const onProblem = (problem: string, cause: unknown) => report(`${problem}: ${String(cause)}`);
  const ended = new AbortController();
  const startedAt = performance.now();
  const doneAt: number[] = [];
  const record = new PermanentRecord(audit, new Snapshots(mongo), onProblem);
  const counting = {
    insert: async (events: Parameters<PermanentRecord['insert']>[0]) => {
      await record.insert(events);
      for (let count = 0; count < events.length; count++) doneAt.push(performance.now());
    },
  };
  const term = { fencingToken: 0, fence: { key: keys.leader('controller'), revision: 0 }, signal: ended.signal };
  const leading = leadProjection({ committer, cache, record: counting, onProblem }, term);
  while (cache.ids('outbox').length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const ratePerSecond = (burst * 1000) / (performance.now() - startedAt);
  ended.abort();
  await leading;
  const tenth = burst / 10;
  const durationsMs = Array.from({ length: 10 }, (_, index) => doneAt[(index + 1) * tenth - 1]! - (index === 0 ? startedAt : doneAt[index * tenth - 1]!));
  return { ratePerSecond, slowestPerSecond: (tenth * 1000) / Math.max(...durationsMs) };
}
