import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Committer } from '../../../src/stores/etcd/committer';
import { keys } from '../../../src/stores/etcd/keys';
import type { Term, Vacancy } from '../../../src/stores/etcd/leadership';
import { Leadership } from '../../../src/stores/etcd/leadership';
import { isNoSpace, StoreMaintenance } from '../../../src/stores/etcd/maintenance';
import { Leases } from '../../../src/stores/etcd/lease';
import { closeClients, creating, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { testServers } from '../../support/servers';
import { TcpProxy } from '../../support/tcp-proxy';

/** A third of the product's own: etcd grants no shorter leases. */
const timing = { leaseTtlMs: 2_000, renewIntervalMs: 667 };

interface Candidate {
  readonly leadership: Leadership;
  readonly terms: Term[];
  readonly problems: string[];
}

let client: EtcdClient;
let candidates: Candidate[];
/** Terms that began while another one was still on, as its holder saw it. */
let overlaps: string[];
let proxy: TcpProxy | undefined;

beforeEach(() => {
  client = openClient();
  candidates = [];
  overlaps = [];
});

afterEach(async () => {
  await Promise.all(candidates.map(({ leadership }) => leadership.stop()));
  closeClients();
  await proxy?.close();
  proxy = undefined;
});

function aborted({ signal }: Term): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
}

/** Somebody who campaigns, and leads until the term is over. */
function campaign(name: string, url?: string, lead: (term: Term) => Promise<void> = aborted): Candidate {
  const leases = new Leases(openClient({ prefix: client.prefix, ...(url !== undefined && { url, requestTimeoutMs: 5_000 }) }));
  const terms: Term[] = [];
  const problems: string[] = [];
  const leadership = new Leadership(
    leases,
    'scheduler',
    name,
    (term) => {
      for (const other of candidates.flatMap(({ terms: all }) => all)) if (!other.signal.aborted) overlaps.push(name);
      terms.push(term);
      return lead(term);
    },
    (problem) => problems.push(problem),
    timing,
  );
  const candidate = { leadership, terms, problems };
  candidates.push(candidate);
  leadership.start();
  return candidate;
}

async function holder(): Promise<unknown> {
  return ((await client.get(keys.leader('scheduler')))?.value as { holder?: string } | undefined)?.holder;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function leads({ terms }: Candidate): boolean {
  return terms.length > 0 && !terms.at(-1)!.signal.aborted;
}

describe('an office', () => {
  it('has one holder, known by its key, whose token is the key\'s revision', async () => {
    const all = ['a', 'b', 'c'].map((name) => campaign(name));
    await eventually('somebody leads', () => all.some(leads));
    await sleep(2 * timing.renewIntervalMs);
    const leaders = all.filter(leads);
    expect(leaders).toHaveLength(1);
    const term = leaders[0]!.terms[0]!;
    const key = await client.get(keys.leader('scheduler'));
    expect(term).toMatchObject({ fencingToken: key?.revision, fence: { key: keys.leader('scheduler'), revision: key?.revision } });
    expect(all.flatMap(({ terms }) => terms)).toHaveLength(1);
  });

  it('is held for as long as it is renewed', async () => {
    const only = campaign('a');
    await eventually('it leads', () => leads(only));
    await sleep(2 * timing.leaseTtlMs);
    expect(only.terms).toHaveLength(1);
    expect(leads(only)).toBe(true);
  }, 20_000);

  it('is handed over at once when its holder stops', async () => {
    const first = campaign('a');
    await eventually('a leads', () => leads(first));
    const second = campaign('b');
    await sleep(timing.renewIntervalMs / 2); // It has found the office taken, and waits to look again.
    const beganAt = Date.now();
    await first.leadership.stop();
    expect(first.terms[0]!.signal.aborted).toBe(true);
    await eventually('b leads', () => leads(second));
    expect(Date.now() - beganAt).toBeLessThan(timing.leaseTtlMs / 2);
    expect(second.terms[0]!.fencingToken).toBeGreaterThan(first.terms[0]!.fencingToken);
    expect(overlaps).toEqual([]);
  });

  it('is given up when leading ends or fails, and campaigned for again', async () => {
    let times = 0;
    const only = campaign('a', undefined, async (term) => {
      times += 1;
      if (times === 1) throw new Error('leading failed');
      if (times === 3) await aborted(term);
    });
    await eventually('it leads a third time', () => times === 3, 15_000);
    expect(only.problems).toEqual(['the scheduler leader failed']);
    expect(overlaps).toEqual([]);
  }, 20_000);

  it('waits for etcd, and says that it does', async () => {
    proxy = await TcpProxy.to(testServers().etcd);
    proxy.cut();
    const only = campaign('a', proxy.url);
    await eventually('it says so', () => only.problems.length > 0);
    proxy.pass();
    await eventually('it leads', () => leads(only));
    expect(only.problems[0]).toBe('campaign for scheduler leader failed');
  }, 20_000);
});

describe('a leader that was superseded', () => {
  it('can commit no more, whatever it believes', async () => {
    const first = campaign('a');
    await eventually('a leads', () => leads(first));
    const committer = new Committer(client, () => 1);
    const { fence } = first.terms[0]!;
    expect(await committer.commit(creating('before', { compares: [fence] }))).toMatchObject({ kind: 'done' });

    const second = campaign('b');
    await client.raw.kv.deleteRange({ key: client.key(keys.leader('scheduler')) });
    expect(await committer.commit(creating('between', { compares: [fence] }))).toEqual({ kind: 'changed', keys: [fence.key] });
    await eventually('b leads', () => leads(second));
    expect(await committer.commit(creating('after', { compares: [fence] }))).toEqual({ kind: 'changed', keys: [fence.key] });
    expect(await committer.commit(creating('after', { compares: [second.terms[0]!.fence] }))).toMatchObject({ kind: 'done' });
  });

  it('hears at its next renewal that its lease is gone', async () => {
    const first = campaign('a');
    await eventually('a leads', () => leads(first));
    const { leases } = await client.raw.leaseClient.leaseLeases();
    const { kvs } = await client.raw.kv.range({ key: client.key(keys.leader('scheduler')) });
    expect(leases.map(({ ID }) => ID)).toContain(kvs[0]!.lease);
    await client.raw.leaseClient.leaseRevoke({ ID: kvs[0]!.lease });
    await eventually('its term is over', () => first.terms[0]!.signal.aborted, 2 * timing.renewIntervalMs);
    await eventually('it leads again', () => first.terms.length === 2);
    expect(await holder()).toBe('a');
  }, 20_000);

  it.each(['hold', 'cut', 'swallowAnswers'] as const)('whose network does %s steps down before another one takes over', async (fault) => {
    proxy = await TcpProxy.to(testServers().etcd);
    const first = campaign('far', proxy.url);
    await eventually('far leads', () => leads(first));
    const second = campaign('near');
    proxy[fault]();
    await eventually('near leads', () => leads(second), timing.leaseTtlMs + 6_000);
    expect(overlaps).toEqual([]);
    expect(first.terms).toHaveLength(1);
    proxy.pass();
    await sleep(2 * timing.renewIntervalMs);
    expect(leads(second)).toBe(true);
    expect(overlaps).toEqual([]);
  }, 30_000);

  it('never takes an office whose lease has grown old on its way', async () => {
    proxy = await TcpProxy.to(testServers().etcd);
    proxy.delay(400);
    campaign('slow', proxy.url);
    await eventually('the office is taken', async () => (await holder()) === 'slow', 15_000);
    campaign('near');
    await sleep(5_000);
    expect(overlaps).toEqual([]);
  }, 40_000);

  it('stops in time when etcd is out of reach', async () => {
    proxy = await TcpProxy.to(testServers().etcd);
    const only = campaign('a', proxy.url);
    await eventually('it leads', () => leads(only));
    proxy.hold();
    const beganAt = Date.now();
    const stopping = only.leadership.stop();
    await eventually('its term is over', () => only.terms[0]!.signal.aborted, 200);
    await stopping;
    expect(Date.now() - beganAt).toBeLessThan(8_000);
  }, 20_000);
});

describe('a term', () => {
  /** Leases that answer as a test says: each is granted and put at once, and renewed for ever, but for what is said. */
  function lead(differences: Partial<Record<'grant' | 'renew', (timeoutMs: number) => Promise<unknown>>>): Candidate {
    const leases = { grant: () => Promise.resolve('1'), put: () => Promise.resolve(1), renew: () => Promise.resolve(true), revoke: () => Promise.resolve() };
    const terms: Term[] = [];
    const scripted = { ...leases, ...(differences.grant && { grant: differences.grant }), ...(differences.renew && { renew: (_id: string, timeoutMs: number) => differences.renew!(timeoutMs) }) };
    const leadership = new Leadership(
      scripted as unknown as Leases,
      'scheduler',
      'a',
      (term) => {
        terms.push(term);
        return aborted(term);
      },
      () => undefined,
      timing,
    );
    const candidate = { leadership, terms, problems: [] };
    candidates.push(candidate);
    leadership.start();
    return candidate;
  }
  const silent = (timeoutMs: number) => sleep(timeoutMs).then(() => Promise.reject(new Error('no answer')));

  it('is over before its lease can be, counted from when that was asked for', async () => {
    const beganAt = performance.now();
    const { terms } = lead({ grant: () => sleep(1_200).then(() => '1'), renew: silent });
    await eventually('it leads', () => terms.length === 1);
    await aborted(terms[0]!);
    expect(performance.now() - beganAt).toBeLessThan(timing.leaseTtlMs);
  });

  it('goes on while renewals fail, as long as its lease is safe, and no longer', async () => {
    const beganAt = performance.now();
    const { terms } = lead({ renew: () => Promise.reject(new Error('refused')) });
    await eventually('it leads', () => terms.length === 1);
    await aborted(terms[0]!);
    expect(performance.now() - beganAt).toBeGreaterThan(timing.leaseTtlMs - timing.renewIntervalMs - 50);
    expect(performance.now() - beganAt).toBeLessThan(timing.leaseTtlMs);
  });

  it('is over with the first renewal that finds its lease gone', async () => {
    const beganAt = performance.now();
    const { terms } = lead({ renew: () => Promise.resolve(false) });
    await eventually('it leads', () => terms.length === 1);
    await aborted(terms[0]!);
    expect(performance.now() - beganAt).toBeLessThan(1.5 * timing.renewIntervalMs);
  });

  it('is over at once when it is to stop, though a renewal is on its way', async () => {
    const { terms, leadership } = lead({ renew: silent });
    await eventually('it leads', () => terms.length === 1);
    await sleep(timing.renewIntervalMs + 50);
    const stopping = leadership.stop();
    expect(terms[0]!.signal.aborted).toBe(true);
    await stopping;
  });
});

describe('an office in a full etcd', () => {
  let own: OwnEtcd;
  beforeAll(async () => {
    own = await OwnEtcd.start({ quotaBytes: 2 * 1024 * 1024 });
  });
  afterAll(() => own.remove());

  /** Puts until etcd takes no more. */
  async function fill(inFull: EtcdClient): Promise<void> {
    for (let n = 0; ; n++) {
      try {
        await inFull.raw.kv.put({ key: inFull.key(`filler/${n}`), value: Buffer.alloc(256 * 1024, n) });
      } catch (error) {
        if (isNoSpace(error)) return;
        throw error;
      }
    }
  }

  it('goes to nobody, whose stand-in can delete until somebody is elected, and no longer', async () => {
    const inFull = openClient({ url: own.url });
    const committer = new Committer(inFull, () => 1);
    const store = new StoreMaintenance(inFull);
    await committer.commit(creating('a'));
    await committer.commit(creating('b'));
    const deleting = (id: string, { fence }: Vacancy) => committer.commit({ ...creating(id, { compares: [fence] }), puts: [], events: [], deletes: [`instances/${id}/state`] });
    await fill(inFull);

    const vacancies: Vacancy[] = [];
    const terms: Term[] = [];
    const leadership = new Leadership(
      new Leases(inFull),
      'controller',
      'a',
      (term) => {
        terms.push(term);
        return aborted(term);
      },
      () => undefined,
      { ...timing, whileFull: async (vacancy) => void vacancies.push(vacancy) },
    );
    candidates.push({ leadership, terms, problems: [] });
    leadership.start();
    await eventually('it is called for a second time', () => vacancies.length === 2);
    expect(terms).toEqual([]);
    expect(await deleting('a', vacancies[0]!)).toMatchObject({ kind: 'done' });
    expect(await inFull.get('instances/a/state')).toBeUndefined();

    await inFull.raw.kv.deleteRange({ key: inFull.key('filler/'), range_end: inFull.key('filler0') });
    await store.compact((await store.usage()).revision);
    await store.defragment();
    await store.disarm();
    await eventually('it leads', () => terms.length === 1);
    expect(await deleting('b', vacancies[0]!)).toEqual({ kind: 'changed', keys: [keys.leader('controller')] });
    const calls = vacancies.length;
    await sleep(2 * timing.renewIntervalMs);
    expect(vacancies).toHaveLength(calls);
  }, 30_000);
});
