import type { Allocation } from './instance';
import { capacityFrom, portsFrom } from './ledger-sums';
import type { ObjectState } from './object-state';
import { withoutSecret } from './worker';
import type { WorkerCapacity, WorkerPorts, WorkerSpec } from './worker';

/** An object as the live store holds it. */
export interface LiveObject {
  readonly kind: ObjectState['kind'];
  readonly id: string;
  readonly spec: unknown;
  readonly status?: unknown;
  readonly allocation?: unknown;
  /** Of a worker: follow from the allocations of others, so no event tells of them. */
  readonly capacity?: WorkerCapacity;
  readonly ports?: WorkerPorts;
}

/** One field that the live store and the log tell differently; an absent one is undefined. */
export interface RebuiltDifference {
  readonly kind: string;
  readonly id: string;
  readonly path: string;
  readonly live: unknown;
  readonly rebuilt: unknown;
}

/**
 * Compares every object of the live store, field by field, with what the log makes of it. With `withLedger` also the
 * ledgers of workers, for which the log of all instances is needed. What has retired is not in the live store.
 */
export function rebuiltDifferences(live: readonly LiveObject[], rebuilt: ReadonlyMap<string, ObjectState>, withLedger: boolean): RebuiltDifference[] {
  const held = withLedger ? allocationsByWorker(rebuilt) : undefined;
  const there = new Set(live.map(({ id }) => id));
  const missing = [...rebuilt.values()].filter((state) => !there.has(state.id) && state.retired !== true);
  return [
    ...live.flatMap((object) => differencesOfObject(object, rebuilt.get(object.id), held?.get(object.id) ?? [], withLedger)),
    ...missing.map(({ kind, id, spec }) => ({ kind, id, path: '', live: undefined, rebuilt: spec })),
  ];
}

function differencesOfObject(live: LiveObject, state: ObjectState | undefined, held: readonly Allocation[], withLedger: boolean): RebuiltDifference[] {
  const { kind, id } = live;
  if (!state || state.retired) return [{ kind, id, path: '', live: live.spec, rebuilt: undefined }];
  const ledger = withLedger && kind === 'Worker' ? ledgerFrom(live, state.spec as WorkerSpec, held) : undefined;
  const parts: ReadonlyArray<readonly [name: string, live: unknown, rebuilt: unknown]> = [
    ['spec', live.spec, state.spec],
    ['status', isObject(live.status) ? withoutSecret(live.status) : live.status, state.status],
    ['allocation', live.allocation, state.allocation],
    ...(ledger ? ([['capacity', live.capacity, ledger.capacity], ['ports', live.ports, ledger.ports]] as const) : []),
  ];
  return parts.flatMap(([name, one, other]) => fieldDifferences(one, other, name)).map((difference) => ({ kind, id, ...difference }));
}

/** A worker that was never opened, or is closed, has no ledger; nor need it have one while it holds nobody. */
function ledgerFrom(live: LiveObject, spec: WorkerSpec, held: readonly Allocation[]): { capacity?: WorkerCapacity; ports?: WorkerPorts } {
  if (held.length === 0 && !live.capacity && !live.ports) return {};
  return { capacity: capacityFrom(spec.capacity, held), ports: portsFrom(spec.portRange, held) };
}

function allocationsByWorker(rebuilt: ReadonlyMap<string, ObjectState>): Map<string, Allocation[]> {
  const byWorker = new Map<string, Allocation[]>();
  for (const { allocation } of rebuilt.values()) {
    if (allocation) byWorker.set(allocation.workerId, [...(byWorker.get(allocation.workerId) ?? []), allocation]);
  }
  return byWorker;
}

/** Every field of two JSON values that is not the same in both, by its path. */
function fieldDifferences(live: unknown, rebuilt: unknown, path: string): Array<Pick<RebuiltDifference, 'path' | 'live' | 'rebuilt'>> {
  if (Object.is(live, rebuilt)) return [];
  if (!isObject(live) || !isObject(rebuilt) || Array.isArray(live) !== Array.isArray(rebuilt)) return [{ path, live, rebuilt }];
  const fields = new Set([...Object.keys(live), ...Object.keys(rebuilt)]);
  return [...fields].flatMap((field) => fieldDifferences(live[field], rebuilt[field], `${path}.${field}`));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
