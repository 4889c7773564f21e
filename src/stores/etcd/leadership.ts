import { setTimeout as sleep } from 'node:timers/promises';
import { leaderLeaseTtlMs, leaderRenewIntervalMs } from '../../domain/limits';
import type { Compare } from './commit';
import type { LeaderRole } from './keys';
import { keys } from './keys';
import type { Leases } from './lease';

/** Held while this process is leader. */
export interface Term {
  /** Rises with every new leader: the revision at which the leader key was made. */
  readonly fencingToken: number;
  /** Goes into every commit of the leader, so that etcd itself refuses one that was superseded. */
  readonly fence: Compare;
  /** Aborted when leadership is lost or given up. */
  readonly signal: AbortSignal;
}

export interface LeaderValue {
  readonly schemaVersion: number;
  readonly holder: string;
  readonly since: string;
}

/**
 * Campaigns for one office for as long as the process lives, and runs `lead` during each term.
 * A leader that could not renew steps down before etcd can have given its office to another one.
 */
export class Leadership {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly leases: Leases,
    private readonly role: LeaderRole,
    private readonly holder: string,
    private readonly lead: (term: Term) => Promise<void>,
    private readonly onProblem: (problem: string, cause: unknown) => void,
    private readonly timing = { leaseTtlMs: leaderLeaseTtlMs, renewIntervalMs: leaderRenewIntervalMs },
  ) {}

  start(): void {
    this.running = this.campaign();
  }

  /** Gives the office up at once, so that another process need not wait for the lease to run out. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async campaign(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.tryTerm();
      } catch (cause) {
        if (!this.stopping.signal.aborted) this.onProblem(`campaign for ${this.role} leader failed`, cause);
      }
      await pause(this.timing.renewIntervalMs, this.stopping.signal);
    }
  }

  private async tryTerm(): Promise<void> {
    // The lease runs from when etcd heard of it, which may be long before its answer is here.
    const askedAtMs = performance.now();
    const leaseId = await this.leases.grant(this.timing.leaseTtlMs);
    try {
      const value: LeaderValue = { schemaVersion: 1, holder: this.holder, since: new Date().toISOString() };
      const revision = await this.leases.put(keys.leader(this.role), value, leaseId, true);
      if (revision !== undefined) await this.serve(leaseId, revision, askedAtMs);
    } finally {
      await this.leases.revoke(leaseId).catch(() => undefined); // It runs out by itself.
    }
  }

  private async serve(leaseId: string, revision: number, grantedAtMs: number): Promise<void> {
    const lost = new AbortController();
    const serving = this.lead({
      fencingToken: revision,
      fence: { key: keys.leader(this.role), revision },
      signal: AbortSignal.any([this.stopping.signal, lost.signal]),
    }).catch((cause: unknown) => this.onProblem(`the ${this.role} leader failed`, cause));
    await this.renewUntilLost(leaseId, grantedAtMs, serving);
    lost.abort();
    await serving;
  }

  private async renewUntilLost(leaseId: string, grantedAtMs: number, serving: Promise<void>): Promise<void> {
    let renewedAtMs = grantedAtMs;
    let ended = false;
    void serving.then(() => (ended = true));
    for (;;) {
      await pause(Math.min(this.timing.renewIntervalMs, this.safeMs(renewedAtMs)), this.stopping.signal);
      if (ended || this.stopping.signal.aborted || this.safeMs(renewedAtMs) <= 0) return;
      const askedAtMs = performance.now();
      const alive = await this.leases.renew(leaseId, this.safeMs(renewedAtMs)).catch(() => undefined);
      if (alive === false) return;
      if (alive === true) renewedAtMs = askedAtMs;
    }
  }

  /** How long a leader may still act on a renewal: the last part of the lease is for pauses that nobody plans. */
  private safeMs(renewedAtMs: number): number {
    const { leaseTtlMs, renewIntervalMs } = this.timing;
    return Math.max(0, renewedAtMs + leaseTtlMs - renewIntervalMs - performance.now());
  }
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => undefined);
}
