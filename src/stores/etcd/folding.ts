import { commitBytesMax, commitComparesMax, commitOperationsMax } from '../../domain/limits';
import type { EtcdClient } from './client';
import type { Decision, SharedRefusal, SharedValues } from './commit';
import { assertKnown, unseenPuts } from './commit';
import { keys } from './keys';

/** Share of the commit bounds that folding fills; the rest is headroom for the shared values themselves. */
const foldingRatio = 0.8;

/** A decision on its way into a transaction. */
export interface Sized {
  readonly decision: Decision;
  /** What its values and events take on the wire. */
  readonly bytes: number;
}

/**
 * As many decisions, in order, as fit one transaction. One that touches a key which another one writes, or
 * that saw a shared precondition at another revision, waits for the next: etcd refuses one key twice.
 */
export function takeBatch<T extends Sized>(waiting: readonly T[]): readonly T[] {
  const batch: T[] = [];
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
    // What several rely on, such as the definition of a hundred instances, is compared once for all of them.
    const ownCompares = decision.compares.filter(({ key }) => !compared.has(key)).length;
    total.compares += ownCompares + unseenPuts(decision).length + 1;
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

/** The hot keys that decisions change. */
export function sharedKeys(decisions: readonly Decision[]): ReadonlySet<string> {
  return new Set(decisions.flatMap((decision) => decision.shared?.changes.map((change) => change.key) ?? []));
}

/** Values of all shared keys: as they were last seen, else read now. */
export async function withAllShared(client: EtcdClient, decisions: readonly Decision[], lastSeen: SharedValues): Promise<SharedValues> {
  const missing = [...sharedKeys(decisions)].filter((key) => !lastSeen.has(key));
  if (missing.length === 0) return lastSeen;
  const read = await Promise.all(missing.map(async (key) => [key, await client.get(key)] as const));
  return new Map([...lastSeen, ...read]);
}

/** The newest values of the decisions' shared keys, as a failed transaction found them. */
export function withFound(lastSeen: SharedValues, decisions: readonly Decision[], found: SharedValues): SharedValues {
  const shared = sharedKeys(decisions);
  return new Map([...lastSeen, ...[...found].filter(([key]) => shared.has(key))]);
}

/** Applies the shared changes of all decisions in order, each on the result of the one before; what is not possible is left out. */
export function fold<T extends Sized>(
  batch: readonly T[],
  before: SharedValues,
): { possible: readonly T[]; refused: readonly T[]; values: ReadonlyMap<string, unknown> } {
  const possible: T[] = [];
  const refused: T[] = [];
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
export function applyShared(
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
