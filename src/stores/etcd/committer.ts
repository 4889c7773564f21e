import { commitBytesMax, commitComparesMax, commitOperationsMax } from '../../domain/limits';
import type { EtcdClient, KeyedEntry } from './client';
import type { CommitOutcome, Decision, SharedRefusal, SharedValues } from './commit';
import { assertKnown, settle, transact, verdict } from './commit';
import { isDefiniteRefusal } from './failures';
import { keys } from './keys';

/** How often a decision is sent anew because only shared keys moved, or because an answer was lost. */
const sendAttemptsMax = 20;
/** Share of the commit bounds that folding fills; the rest is headroom for the shared values themselves. */
const foldingRatio = 0.8;

/**
 * The one door to etcd. Decisions without shared keys go straight through; those that meet at a hot key
 * queue per group and fold into one transaction, because etcd would otherwise refuse all but one of them.
 */
export class Committer {
  private readonly groups = new Map<string, Group>();

  constructor(
    private readonly client: EtcdClient,
    private readonly epoch: () => number,
  ) {}

  /** Writes a decision. Throws `CommitUncertainError` when etcd cannot say whether it happened. */
  commit(decision: Decision): Promise<CommitOutcome> {
    if (!decision.shared) return sendAlone(this.client, this.epoch(), decision, new Map(), 'fresh').then((sent) => sent.outcome);
    const { group: name } = decision.shared;
    let group = this.groups.get(name);
    if (!group) {
      group = new Group(this.client, this.epoch);
      this.groups.set(name, group);
    }
    return group.commit(decision);
  }
}

interface Waiting {
  readonly decision: Decision;
  /** What its values and events take on the wire. */
  readonly bytes: number;
  resolve(outcome: CommitOutcome): void;
  reject(error: unknown): void;
}

/** The queue of one hot key or set of keys. It remembers their values, so that a lone commit reads nothing first. */
class Group {
  private waiting: Waiting[] = [];
  private lastSeen: SharedValues = new Map();
  private running = false;

  constructor(
    private readonly client: EtcdClient,
    private readonly epoch: () => number,
  ) {}

  commit(decision: Decision): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      // What cannot be written as JSON fails here, alone, and not in the queue that it shares with others.
      const bytes = Buffer.byteLength(JSON.stringify([decision.puts, decision.events]));
      this.waiting.push({ decision, bytes, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    // One turn of the event loop lets decisions that arrive together fold together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const batch = takeBatch(this.waiting);
      this.waiting = this.waiting.filter((waiting) => !batch.includes(waiting));
      const alone = batch.length === 1 ? batch : await this.sendFolded(batch);
      for (const waiting of alone) await this.sendOne(waiting);
    }
    this.running = false;
  }

  /**
   * Sends a batch as one transaction, and answers what must be tried one by one. Where only the shared keys have moved,
   * because another process was faster, what is still undecided folds again: else a hundred would follow one by one.
   */
  private async sendFolded(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    let open = batch;
    const refused: Waiting[] = [];
    try {
      for (let attempt = 1; attempt <= sendAttemptsMax && open.length > 1; attempt++) {
        const decisions = open.map(({ decision }) => decision);
        this.lastSeen = await withAllShared(this.client, decisions, this.lastSeen);
        const folded = fold(open, this.lastSeen);
        refused.push(...folded.refused);
        open = folded.possible;
        const outcome = await transact(this.client, this.epoch(), open.map(({ decision }) => decision), this.lastSeen, folded.values);
        if (outcome.kind === 'done') {
          this.lastSeen = new Map([...this.lastSeen, ...outcome.shared]);
          for (const waiting of open) waiting.resolve({ kind: 'done', revision: outcome.revision, repeated: false });
          return refused;
        }
        this.lastSeen = withFound(this.lastSeen, decisions, outcome.found);
        open = open.filter((waiting) => {
          const decided = verdict(waiting.decision, outcome.found);
          if (decided.kind !== 'shared-changed') waiting.resolve(decided);
          return decided.kind === 'shared-changed';
        });
      }
    } catch {
      // Whatever went wrong, a lost answer included, each decision alone finds out what became of it.
      this.lastSeen = new Map();
    }
    return [...open, ...refused];
  }

  private async sendOne(waiting: Waiting): Promise<void> {
    try {
      const sent = await sendAlone(this.client, this.epoch(), waiting.decision, this.lastSeen, 'cached');
      this.lastSeen = sent.lastSeen;
      waiting.resolve(sent.outcome);
    } catch (error) {
      this.lastSeen = new Map();
      waiting.reject(error);
    }
  }
}

/**
 * Sends one decision until it is decided. Only shared keys are read afresh on the way: a change of a key
 * that the decision was made on ends it, since re-reading it would decide something else.
 */
async function sendAlone(
  client: EtcdClient,
  epoch: number,
  decision: Decision,
  lastSeenBefore: SharedValues,
  freshness: 'cached' | 'fresh',
): Promise<{ outcome: CommitOutcome; lastSeen: SharedValues }> {
  let lastSeen = freshness === 'fresh' ? new Map<string, KeyedEntry | undefined>() : lastSeenBefore;
  let lostAnswer: Error | undefined;
  for (let attempt = 1; attempt <= sendAttemptsMax; attempt++) {
    const cached = [...sharedKeys([decision])].some((key) => lastSeen.has(key));
    lastSeen = await withAllShared(client, [decision], lastSeen);
    const applied = applyShared(decision, lastSeen, new Map());
    if ('refused' in applied) {
      // A refusal computed on values seen earlier is checked at a newer revision before anybody hears it.
      if (cached) {
        lastSeen = new Map();
        continue;
      }
      // What an earlier try of the same decision has released cannot be released again: that is no refusal.
      const settled = await settle(client, decision, undefined);
      return { outcome: settled === 'send again' ? { kind: 'refused', refusal: applied.refused } : settled, lastSeen };
    }
    try {
      const outcome = await transact(client, epoch, [decision], lastSeen, applied.values);
      if (outcome.kind === 'done') {
        return { outcome: { kind: 'done', revision: outcome.revision, repeated: false }, lastSeen: new Map([...lastSeen, ...outcome.shared]) };
      }
      const decided = verdict(decision, outcome.found);
      if (decided.kind !== 'shared-changed') return { outcome: decided, lastSeen: new Map() };
      lastSeen = withFound(lastSeen, [decision], outcome.found);
    } catch (error) {
      if (!isLostAnswer(error)) throw error;
      lostAnswer = error;
      const settled = await settle(client, decision, error);
      if (settled !== 'send again') return { outcome: settled, lastSeen: new Map() };
      lastSeen = new Map();
    }
  }
  if (lostAnswer !== undefined) throw lostAnswer;
  return { outcome: { kind: 'changed', keys: [...sharedKeys([decision])] }, lastSeen: new Map() };
}

/** Errors of our own code are no lost answers, nor is what etcd refuses to do; whatever else gRPC throws may be one. */
function isLostAnswer(error: unknown): error is Error {
  if (!(error instanceof Error) || isDefiniteRefusal(error)) return false;
  return !['CommitTooLargeError', 'ValueNewerError'].includes(error.name);
}

/**
 * As many decisions, in order, as fit one transaction. One that touches a key which another one writes, or
 * that saw a shared precondition at another revision, waits for the next: etcd refuses one key twice.
 */
function takeBatch(waiting: readonly Waiting[]): readonly Waiting[] {
  const batch: Waiting[] = [];
  const written = new Set<string>();
  const compared = new Map<string, number>();
  const total = { compares: 0, operations: 0, bytes: 0 };
  for (const candidate of waiting) {
    const { decision } = candidate;
    // The outbox key tells two decisions apart that are one: the same one, sent twice, must not be applied twice.
    const writes = [...decision.puts.map((put) => put.key), ...decision.deletes, keys.outbox(decision.id)];
    const clashes =
      writes.some((key) => written.has(key) || compared.has(key)) ||
      decision.compares.some(({ key, revision }) => written.has(key) || (compared.get(key) ?? revision) !== revision);
    if (clashes) continue;
    total.compares += decision.compares.length + 1;
    total.operations += writes.length;
    total.bytes += candidate.bytes;
    const full =
      total.compares > commitComparesMax * foldingRatio ||
      total.operations > commitOperationsMax * foldingRatio ||
      total.bytes > commitBytesMax * foldingRatio;
    if (full && batch.length > 0) break;
    writes.forEach((key) => written.add(key));
    decision.compares.forEach(({ key, revision }) => compared.set(key, revision));
    batch.push(candidate);
  }
  return batch;
}

function sharedKeys(decisions: readonly Decision[]): ReadonlySet<string> {
  return new Set(decisions.flatMap((decision) => decision.shared?.changes.map((change) => change.key) ?? []));
}

async function withAllShared(client: EtcdClient, decisions: readonly Decision[], lastSeen: SharedValues): Promise<SharedValues> {
  const missing = [...sharedKeys(decisions)].filter((key) => !lastSeen.has(key));
  if (missing.length === 0) return lastSeen;
  const read = await Promise.all(missing.map(async (key) => [key, await client.get(key)] as const));
  return new Map([...lastSeen, ...read]);
}

/** The newest values of the decisions' shared keys, as a failed transaction found them. */
function withFound(lastSeen: SharedValues, decisions: readonly Decision[], found: SharedValues): SharedValues {
  const shared = sharedKeys(decisions);
  return new Map([...lastSeen, ...[...found].filter(([key]) => shared.has(key))]);
}

/** Applies the shared changes of all decisions in order, each on the result of the one before; what is not possible is left out. */
function fold(
  batch: readonly Waiting[],
  before: SharedValues,
): { possible: readonly Waiting[]; refused: readonly Waiting[]; values: ReadonlyMap<string, unknown> } {
  const possible: Waiting[] = [];
  const refused: Waiting[] = [];
  let values: ReadonlyMap<string, unknown> = new Map();
  for (const waiting of batch) {
    const applied = applyShared(waiting.decision, before, values);
    if ('refused' in applied) refused.push(waiting);
    else {
      possible.push(waiting);
      values = applied.values;
    }
  }
  return { possible, refused, values };
}

/** Applies one decision's shared changes on top of values that others have changed already; all of them or none. */
function applyShared(
  decision: Decision,
  before: SharedValues,
  changed: ReadonlyMap<string, unknown>,
): { values: ReadonlyMap<string, unknown> } | { refused: SharedRefusal } {
  const values = new Map(changed);
  for (const change of decision.shared?.changes ?? []) {
    const current = values.has(change.key) ? values.get(change.key) : before.get(change.key)?.value;
    assertKnown(change.key, current);
    const next = change.apply(current);
    if ('refused' in next) return next;
    values.set(change.key, next.value);
  }
  return { values };
}
