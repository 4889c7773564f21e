import { leaderLeaseTtlMs, leaderRenewIntervalMs } from '../../domain/limits';
import { pause } from '../../pause';
import type { Compare } from './commit';
import type { LeaderRole } from './keys';
import { keys } from './keys';
import type { Leases } from './lease';
import { isNoSpace } from './maintenance';

/** Held while this process is leader. */
export interface Term {
  /** Rises with every new leader: the revision at which the leader key was made. */
  readonly fencingToken: number;
  /** Goes into every commit of the leader, so that etcd itself refuses one that was superseded. */
  readonly fence: Compare;
  /** Aborted when leadership is lost or given up. */
  readonly signal: AbortSignal;
}

/** While nobody can be elected. */
export interface Vacancy {
  /** Holds for as long as there is no leader. */
  readonly fence: Compare;
  /** Aborted when this process is to stop. */
  readonly signal: AbortSignal;
}

export interface LeadershipOptions {
  readonly leaseTtlMs: number;
  readonly renewIntervalMs: number;
  /** What goes on when etcd is too full to elect anybody. By deletes alone: it takes nothing else then. */
  readonly whileFull?: (vacancy: Vacancy) => Promise<void>;
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
  private readonly options: LeadershipOptions;

  constructor(
    private readonly leases: Leases,
    private readonly role: LeaderRole,
    private readonly holder: string,
    private readonly lead: (term: Term) => Promise<void>,
    private readonly onProblem: (problem: string, cause: unknown) => void,
    options: Partial<LeadershipOptions> = {},
  ) {
    this.options = { leaseTtlMs: leaderLeaseTtlMs, renewIntervalMs: leaderRenewIntervalMs, ...options };
  }

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
        if (!this.stopping.signal.aborted) await this.onFailedCampaign(cause);
      }
      await pause(this.options.renewIntervalMs, this.stopping.signal);
    }
  }

  private async onFailedCampaign(cause: unknown): Promise<void> {
    this.onProblem(`campaign for ${this.role} leader failed`, cause);
    if (!this.options.whileFull || !isNoSpace(cause)) return;
    const vacancy: Vacancy = { fence: { key: keys.leader(this.role), revision: 0 }, signal: this.stopping.signal };
    await this.options.whileFull(vacancy).catch((problem: unknown) => this.onProblem(`nobody stands in for the ${this.role} leader`, problem));
  }

  private async tryTerm(): Promise<void> {
    // The lease runs from when etcd heard of it, which may be long before its answer is here.
    const askedAtMs = performance.now();
    const leaseId = await this.leases.grant(this.options.leaseTtlMs);
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
      await pause(Math.min(this.options.renewIntervalMs, this.safeMs(renewedAtMs)), this.stopping.signal);
      if (ended || this.stopping.signal.aborted || this.safeMs(renewedAtMs) <= 0) return;
      const askedAtMs = performance.now();
      const alive = await this.leases.renew(leaseId, this.safeMs(renewedAtMs)).catch(() => undefined);
      if (alive === false) return;
      if (alive === true) renewedAtMs = askedAtMs;
    }
  }

  /** How long a leader may still act on a renewal: the last part of the lease is for pauses that nobody plans. */
  private safeMs(renewedAtMs: number): number {
    const { leaseTtlMs, renewIntervalMs } = this.options;
    return Math.max(0, renewedAtMs + leaseTtlMs - renewIntervalMs - performance.now());
  }
}
