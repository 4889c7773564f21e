import type { IResponseOp, ITxnRequest } from 'etcd3';
import type { EventDraft } from '../../domain/events';
import { commitBytesMax, commitComparesMax, commitOperationsMax } from '../../domain/limits';
import type { EtcdClient, KeyedEntry } from './client';
import { encode } from './client';
import { CommitTooLargeError, CommitUncertainError, EpochEndedError, ValueNewerError } from './errors';
import { keys } from './keys';

/** A key as the decision saw it: revision 0 means that it did not exist. */
export interface Compare {
  readonly key: string;
  readonly revision: number;
  /** Of the value that was read. What a decision overwrites without saying this, the commit looks at itself. */
  readonly schemaVersion?: number;
}

/** Why a change of a shared key is not possible; passed through to whoever decided. */
export interface SharedRefusal {
  readonly code: string;
  readonly message: string;
  /** What is in the way, where it can be named. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A pure change of a key that many decisions meet at, such as a worker's capacity. */
export interface SharedChange {
  readonly key: string;
  apply(current: unknown): { readonly value: unknown } | { readonly refused: SharedRefusal };
}

/**
 * What somebody decided, with everything it was decided on. Written as a whole or not at all.
 */
export interface Decision {
  /** Commit id, derived from object, deciding revision and step; a repetition meets its own outbox key. */
  readonly id: string;
  readonly compares: readonly Compare[];
  readonly puts: ReadonlyArray<{ readonly key: string; readonly value: unknown }>;
  readonly deletes: readonly string[];
  /** Changes of hot keys, folded with those of other decisions of the same group. */
  readonly shared?: { readonly group: string; readonly changes: readonly SharedChange[] };
  /** Without events there is no outbox key: an observation is repeated harmlessly. */
  readonly events: readonly EventDraft[];
}

/**
 * - `done`: written, now or by an earlier try of the same decision.
 * - `changed`: a key that the decision was made on has changed; nothing was written; look again.
 * - `refused`: a shared change is not possible at the newest value; nothing was written.
 */
export type CommitOutcome =
  | { readonly kind: 'done'; readonly revision: number; readonly repeated: boolean }
  | { readonly kind: 'changed'; readonly keys: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: SharedRefusal };

/** Value of an outbox key. */
export interface OutboxValue {
  readonly schemaVersion: number;
  readonly epoch: number;
  /** Position of the first event within the whole transaction. */
  readonly firstIndex: number;
  readonly events: readonly EventDraft[];
}

/** The newest version of stored values that this program understands. */
export const schemaVersionKnown = 1;

/** The epoch that commits are made in. */
export interface CommitEpoch {
  readonly epoch: number;
  /** The key that says so, as it was read: the store may be restored beneath a process, which hears of it only later. */
  readonly stillIn?: Compare | undefined;
}

/** Values of shared keys as they were last seen. */
export type SharedValues = ReadonlyMap<string, KeyedEntry | undefined>;

/** What became of one transaction of one or more decisions. */
export type TransactionOutcome =
  | { readonly kind: 'done'; readonly revision: number; readonly shared: SharedValues }
  | { readonly kind: 'failed'; readonly found: ReadonlyMap<string, KeyedEntry | undefined> };

/**
 * Builds and sends one etcd transaction for decisions whose shared changes have been applied.
 * `sharedBefore` holds the shared entries that were changed, `sharedAfter` their new values.
 * A lost answer is not settled here: the error of the call is thrown. Throws EpochEndedError.
 */
export async function transact(
  client: EtcdClient,
  epoch: CommitEpoch,
  decisions: readonly Decision[],
  sharedBefore: SharedValues,
  sharedAfter: ReadonlyMap<string, unknown>,
): Promise<TransactionOutcome> {
  const unseen = await readUnseen(client, decisions);
  const request = buildRequest(client, epoch, decisions, unseen, sharedBefore, sharedAfter);
  const response = await client.txn(request.txn);
  if (response.succeeded) {
    const revision = Number(response.header.revision);
    const shared = new Map([...sharedAfter].map(([key, value]) => [key, { key, value, revision }]));
    return { kind: 'done', revision, shared };
  }
  const found = foundEntries(client, request.comparedKeys, response.responses);
  const { stillIn } = epoch;
  if (stillIn && (found.get(stillIn.key)?.revision ?? 0) !== stillIn.revision) throw new EpochEndedError(epoch.epoch);
  return { kind: 'failed', found };
}

function buildRequest(
  client: EtcdClient,
  { epoch, stillIn }: CommitEpoch,
  decisions: readonly Decision[],
  unseen: SharedValues,
  sharedBefore: SharedValues,
  sharedAfter: ReadonlyMap<string, unknown>,
): { txn: ITxnRequest; comparedKeys: readonly string[] } {
  const revisions = new Map<string, number>([...unseen].map(([key, entry]) => [key, entry?.revision ?? 0]));
  const puts = new Map<string, unknown>();
  const deletes: string[] = [];
  let eventIndex = 0;
  for (const [key, entry] of unseen) assertKnown(key, entry?.value);
  for (const decision of decisions) {
    assertReplaceable(decision);
    for (const compare of decision.compares) revisions.set(compare.key, compare.revision);
    for (const put of decision.puts) puts.set(put.key, put.value);
    deletes.push(...decision.deletes);
    if (decision.events.length === 0) continue;
    const outbox: OutboxValue = { schemaVersion: 1, epoch, firstIndex: eventIndex, events: decision.events };
    eventIndex += decision.events.length;
    revisions.set(keys.outbox(decision.id), 0);
    puts.set(keys.outbox(decision.id), outbox);
  }
  for (const [key, value] of sharedAfter) {
    revisions.set(key, sharedBefore.get(key)?.revision ?? 0);
    puts.set(key, value);
  }
  const decidedOn = revisions.size;
  if (stillIn) revisions.set(stillIn.key, stillIn.revision);
  const comparedKeys = [...revisions.keys()];
  const encodedPuts = [...puts].map(([key, value]) => ({ key: client.key(key), value: encodeKnown(key, value) }));
  assertBounds(decidedOn, encodedPuts, deletes.length);
  return {
    comparedKeys,
    txn: {
      compare: comparedKeys.map((key) => ({
        key: client.key(key),
        target: 'Mod',
        result: 'Equal',
        mod_revision: String(revisions.get(key)),
      })),
      success: [
        ...encodedPuts.map((put) => ({ request_put: put })),
        ...deletes.map((key) => ({ request_delete_range: { key: client.key(key) } })),
      ],
      failure: comparedKeys.map((key) => ({ request_range: { key: client.key(key) } })),
    },
  };
}

/** Keys that a decision puts without saying what is there. What it deletes so goes with the object that it belonged to. */
export function unseenPuts({ compares, puts }: Decision): readonly string[] {
  if (puts.length === 0) return [];
  const seen = new Set(compares.filter(({ revision, schemaVersion }) => revision === 0 || schemaVersion !== undefined).map(({ key }) => key));
  return puts.map(({ key }) => key).filter((key) => !seen.has(key));
}

/** A value that is made from scratch says nothing of the one it replaces, which a newer program may have written. */
async function readUnseen(client: EtcdClient, decisions: readonly Decision[]): Promise<SharedValues> {
  const unseen = decisions.flatMap(unseenPuts);
  if (unseen.length === 0) return new Map();
  const response = await client.txn({ compare: [], success: unseen.map((key) => ({ request_range: { key: client.key(key) } })), failure: [] });
  return foundEntries(client, unseen, response.responses);
}

/** What a newer program means by a value is not known here, so it is neither replaced nor taken away. */
function assertReplaceable({ compares, puts, deletes }: Decision): void {
  const written = new Set([...puts.map(({ key }) => key), ...deletes]);
  for (const { key, schemaVersion = 0 } of compares) if (written.has(key)) assertVersionKnown(key, schemaVersion);
}

/** Values are spread from what was read, so a newer writer's version number shows here, before it would be lost. */
function encodeKnown(key: string, value: unknown): Buffer {
  assertKnown(key, value);
  return encode(value);
}

/** Throws ValueNewerError for a value of a newer program than this one. */
export function assertKnown(key: string, value: unknown): void {
  assertVersionKnown(key, schemaVersionOf(value));
}

function assertVersionKnown(key: string, version: number): void {
  if (version > schemaVersionKnown) throw new ValueNewerError(key, version, schemaVersionKnown);
}

/** 0 where a value says none. */
export function schemaVersionOf(value: unknown): number {
  const version = (value as { schemaVersion?: unknown } | null | undefined)?.schemaVersion;
  return typeof version === 'number' ? version : 0;
}

function assertBounds(compares: number, puts: ReadonlyArray<{ value: Buffer }>, deletes: number): void {
  const bytes = puts.reduce((sum, put) => sum + put.value.length, 0);
  if (bytes > commitBytesMax) throw new CommitTooLargeError(`${bytes} bytes, at most ${commitBytesMax} fit`);
  const operations = puts.length + deletes;
  if (operations > commitOperationsMax) throw new CommitTooLargeError(`${operations} operations, at most ${commitOperationsMax} fit`);
  if (compares > commitComparesMax) throw new CommitTooLargeError(`${compares} compares, at most ${commitComparesMax} fit`);
}

function foundEntries(
  client: EtcdClient,
  comparedKeys: readonly string[],
  responses: readonly IResponseOp[],
): ReadonlyMap<string, KeyedEntry | undefined> {
  const found = new Map<string, KeyedEntry | undefined>();
  comparedKeys.forEach((key, position) => {
    const kv = responses[position]?.response_range?.kvs[0];
    found.set(key, kv && client.entry(kv));
  });
  return found;
}

/** What a failed transaction of a single decision means for it. */
export function verdict(
  decision: Decision,
  found: ReadonlyMap<string, KeyedEntry | undefined>,
): CommitOutcome | { readonly kind: 'shared-changed' } {
  const own = decision.events.length > 0 ? found.get(keys.outbox(decision.id)) : undefined;
  if (own) return { kind: 'done', revision: own.revision, repeated: true };
  const changed = decision.compares.filter((compare) => (found.get(compare.key)?.revision ?? 0) !== compare.revision);
  if (changed.length > 0) return { kind: 'changed', keys: changed.map((compare) => compare.key) };
  return { kind: 'shared-changed' };
}

/**
 * Settles a decision of which it is not known whether it happened, e.g. because the answer was lost. Its outbox key says yes; a changed key
 * that it was decided on says that it can happen no more; otherwise it may simply be sent again.
 */
export async function settle(client: EtcdClient, decision: Decision, cause: unknown): Promise<CommitOutcome | 'send again'> {
  const watched = [...decision.compares.map((compare) => compare.key), ...(decision.events.length > 0 ? [keys.outbox(decision.id)] : [])];
  try {
    // Past the circuit breaker: whether something happened is worth asking also when nobody has answered of late.
    const response = await client.raw.kv.txn({
      compare: [],
      success: watched.map((key) => ({ request_range: { key: client.key(key) } })),
      failure: [],
    });
    const outcome = verdict(decision, foundEntries(client, watched, response.responses));
    return outcome.kind === 'shared-changed' ? 'send again' : outcome;
  } catch {
    throw new CommitUncertainError(decision.id, cause);
  }
}
