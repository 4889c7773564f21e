/** The answers of `/api/v1/admin`, as far as the command shows them. Servers may say more. */

export interface EventLog {
  readonly items: ReadonlyArray<{
    readonly in: string;
    readonly event: { readonly sequence: number; readonly time: string; readonly type: string; readonly actor: string; readonly revision: string };
  }>;
  readonly gaps: ReadonlyArray<{ readonly after: number; readonly before: number }>;
  readonly nextAfterSequence?: number;
}

export interface Projections {
  readonly items: ReadonlyArray<{ readonly name: string; readonly state: string; readonly checkpoint: string; readonly lagEvents: number; readonly lagMs: number }>;
}

export interface Rebuild {
  readonly compared: number;
  readonly events: number;
  readonly differences: ReadonlyArray<{ readonly kind: string; readonly id: string; readonly path: string; readonly live?: unknown; readonly rebuilt?: unknown }>;
  readonly differencesTotal: number;
  readonly gaps: ReadonlyArray<{ readonly subject: string; readonly after: number; readonly before: number }>;
  readonly revision: string;
}

export interface Leaders {
  readonly items: ReadonlyArray<{
    readonly role: string;
    readonly holder?: string;
    readonly since?: string;
    readonly fencingToken?: string;
    readonly leaseLeftMs?: number;
  }>;
}

export interface StoreUsage {
  readonly usedBytes: number;
  readonly allocatedBytes: number;
  readonly quotaBytes: number;
  readonly usedShare: number;
  readonly alarms: readonly string[];
}

export interface Store {
  readonly usage: StoreUsage;
  readonly members: ReadonlyArray<{
    readonly address: string;
    readonly usedBytes?: number;
    readonly allocatedBytes?: number;
    readonly revision?: string;
    readonly problem?: string;
  }>;
  readonly collections: ReadonlyArray<{ readonly collection: string; readonly keys: number; readonly bytes: number }>;
  readonly revision: string;
}

export interface Maintained {
  readonly done: string;
  readonly before: StoreUsage;
  readonly after: StoreUsage;
}

export interface Invariants {
  readonly instances: number;
  readonly workers: number;
  readonly findings: ReadonlyArray<{ readonly code: string; readonly object: string; readonly message: string; readonly repairable: boolean; readonly remedy: string }>;
  readonly findingsTotal: number;
  readonly revision: string;
}

export interface Repair extends Invariants {
  readonly dryRun: boolean;
  readonly repairs: ReadonlyArray<{
    /** Absent for a quota. */
    readonly worker?: string;
    readonly writes: readonly string[];
    readonly removes: readonly string[];
    readonly outcome: 'planned' | 'done' | 'changed' | 'failed';
    readonly reason?: string;
    readonly revision?: string;
  }>;
}

export interface StuckObjects {
  readonly items: ReadonlyArray<{
    readonly kind: string;
    readonly id: string;
    readonly phase: string;
    readonly reason: string;
    readonly step?: string;
    readonly since: string;
    readonly message: string;
    readonly advice: string;
  }>;
  readonly total: number;
}

export interface Nudged {
  readonly nudged: ReadonlyArray<{ readonly kind: string; readonly id: string }>;
  readonly left: number;
}
