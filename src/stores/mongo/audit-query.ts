import type { Document } from 'mongodb';
import type { AuditFilter, AuditPlace } from '../../domain/audit';

/** Reads lines of the audit in their order. */
export const auditOrder = { time: 1, _id: 1 } as const;

/** What both collections of the audit are asked by: a stretch of time, and what comes after a place in it. */
export function stretchOf({ from, to, org }: AuditFilter, after: AuditPlace | undefined): Document[] {
  return [
    ...(from === undefined ? [] : [{ time: { $gte: from } }]),
    ...(to === undefined ? [] : [{ time: { $lt: to } }]),
    ...(org === undefined ? [] : [{ org }]),
    // The first condition says by an index what the second says exactly.
    ...(after === undefined ? [] : [{ time: { $gte: after.time } }, { $or: [{ time: { $gt: after.time } }, { _id: { $gt: after.id } }] }]),
  ];
}

/** All of several conditions; a filter of none at all is refused by some servers. */
export function allOf(conditions: readonly Document[]): Document {
  return conditions.length === 0 ? {} : { $and: conditions };
}
