import type { Kind } from '../../domain/header';
import { idempotencyRecordTtlMs } from '../../domain/limits';
import { isoTime } from '../../domain/status';
import { contentHash } from '../../hash';
import type { Entry, EtcdClient } from '../../stores/etcd/client';
import type { IdempotencyPut, IdempotencyRecord } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { RequestContext } from './context';
import { ApiProblem } from './problem';

/** Within what an idempotency key counts: whoever else uses it, or uses it elsewhere, means another request. */
export function scopeOf(context: RequestContext): string {
  return contentHash([context.caller.org, context.caller.id, context.route, context.idempotency.key]);
}

/** What was asked, by which a repetition is told from a new request under an old key. */
export function requestHashOf(context: RequestContext, body: unknown): string {
  return contentHash({ parameters: context.parameters, body: body ?? null });
}

/** The record of a request, to be put with the commit that the request leads to. */
export function recordOf(context: RequestContext, body: unknown, object: { kind: Kind; id: string }, nowMs: number): IdempotencyPut {
  return {
    key: keys.idempotency(scopeOf(context)),
    value: {
      schemaVersion: 1,
      requestHash: requestHashOf(context, body),
      kind: object.kind,
      objectId: object.id,
      createdAt: isoTime(nowMs),
      expiresAt: isoTime(nowMs + idempotencyRecordTtlMs),
    },
  };
}

/** The record that an earlier request left under the same key, if there is one; refuses when it asked for something else. */
export async function earlierRecord(etcd: EtcdClient, record: IdempotencyPut): Promise<Entry<IdempotencyRecord> | undefined> {
  const found = await etcd.get(record.key);
  if (!found) return undefined;
  const earlier = found as Entry<IdempotencyRecord>;
  if (earlier.value.requestHash === record.value.requestHash) return earlier;
  const detail = `this Idempotency-Key was used at ${earlier.value.createdAt} for another request to this route`;
  throw new ApiProblem('idempotency_key_reuse', detail, { members: { usedAt: earlier.value.createdAt, objectId: earlier.value.objectId } });
}
