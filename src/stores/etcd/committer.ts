import { LRUCache } from 'lru-cache';
import { idleCommitGroupsMax } from '../../domain/limits';
import { failpoint } from '../../failpoints';
import type { EtcdClient } from './client';
import type { CommitEpoch, CommitOutcome, Compare, Decision, SharedValues } from './commit';
import { transact, verdict } from './commit';
import { CommitUncertainError, EtcdUnavailableError } from './errors';
import type { Sized } from './folding';
import { fold, takeBatch, withAllShared, withFound } from './folding';
import { sendAlone, sendAttemptsMax } from './send-alone';

/**
 * The one door to etcd. Decisions without shared keys go straight through; those that meet at a hot key
 * queue per group and fold into one transaction, because etcd would otherwise refuse all but one of them.
 */
export class Committer {
  /** Those that have something to send. */
  private readonly running = new Map<string, Group>();
  /** Those that would only save a read: there is one for each org that ever asked for anything. */
  private readonly idle: LRUCache<string, Group>;

  /** `stillIn` is the key of the epoch as it was read; it goes into every commit. */
  constructor(
    private readonly client: EtcdClient,
    private readonly epoch: () => number,
    private readonly stillIn?: Compare,
    idleGroupsMax = idleCommitGroupsMax,
  ) {
    this.idle = new LRUCache({ max: idleGroupsMax });
  }

  /** Writes a decision. Throws `CommitUncertainError` when etcd cannot say whether it happened, and `EpochEndedError`. */
  async commit(decision: Decision): Promise<CommitOutcome> {
    await failpoint('before-commit', decision.id);
    const outcome = await this.send(decision);
    await failpoint('after-commit', decision.id);
    return outcome;
  }

  private send(decision: Decision): Promise<CommitOutcome> {
    if (!decision.shared) return sendAlone(this.client, this.commitEpoch(), decision, new Map(), 'fresh').then((sent) => sent.outcome);
    // What cannot be written as JSON fails here, alone, and not in the queue that it shares with others.
    const bytes = Buffer.byteLength(JSON.stringify([decision.puts, decision.events]));
    return this.group(decision.shared.group).commit(decision, bytes);
  }

  /** One of a name at a time: it is put to rest when its queue is empty, and forgotten only then. */
  private group(name: string): Group {
    const running = this.running.get(name);
    if (running) return running;
    const group = this.idle.get(name) ?? new Group(this.client, () => this.commitEpoch(), () => this.rest(name));
    this.idle.delete(name);
    this.running.set(name, group);
    return group;
  }

  private rest(name: string): void {
    this.idle.set(name, this.running.get(name));
    this.running.delete(name);
  }

  private commitEpoch(): CommitEpoch {
    return { epoch: this.epoch(), stillIn: this.stillIn };
  }
}

interface Waiting extends Sized {
  /** It was sent with others, and nobody heard what became of it. */
  mayHaveHappened?: true;
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
    private readonly epoch: () => CommitEpoch,
    private readonly onIdle: () => void,
  ) {}

  commit(decision: Decision, bytes: number): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
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
    this.onIdle();
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
        this.lastSeen = await withAllShared(this.client, decisionsOf(open), this.lastSeen);
        const folded = fold(open, this.lastSeen);
        refused.push(...folded.refused);
        open = folded.possible;
        if (open.length === 0) break;
        const decisions = decisionsOf(open);
        const outcome = await transact(this.client, this.epoch(), decisions, this.lastSeen, folded.values);
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
      for (const waiting of open) waiting.mayHaveHappened = true;
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
      const isOpenQuestion = waiting.mayHaveHappened === true && error instanceof EtcdUnavailableError;
      waiting.reject(isOpenQuestion ? new CommitUncertainError(waiting.decision.id, error) : error);
    }
  }
}

function decisionsOf(batch: readonly Waiting[]): readonly Decision[] {
  return batch.map(({ decision }) => decision);
}
