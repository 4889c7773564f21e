import type { EventLog, Invariants, Leaders, Maintained, Nudged, Projections, Rebuild, Repair, Store, StuckObjects } from './admin-answers';
import { bytes, counted, milliseconds, table } from './table';

/** What people see of the answers to `berth admin`. */

export function showEvents({ items, gaps, nextAfterSequence }: EventLog): string {
  const missing = gaps.map(({ after, before }) => `MISSING: ${before - after === 2 ? `event ${after + 1}` : `events ${after + 1} to ${before - 1}`}`);
  const more = nextAfterSequence === undefined ? [] : [`more: --after ${nextAfterSequence}`];
  const events = table(items, {
    SEQ: ({ event }) => event.sequence,
    TIME: ({ event }) => event.time,
    TYPE: ({ event }) => event.type,
    ACTOR: ({ event }) => event.actor,
    REVISION: ({ event }) => event.revision,
    IN: (item) => item.in,
  });
  return [events, ...missing, ...more].join('\n');
}

export function showProjections({ items }: Projections): string {
  return table(items, {
    PROJECTION: ({ name }) => name,
    STATE: ({ state }) => state,
    CHECKPOINT: ({ checkpoint }) => checkpoint,
    LAG: ({ lagEvents }) => counted(lagEvents, 'event'),
    OLDEST: ({ lagMs }) => milliseconds(lagMs),
  });
}

export function showRebuild({ compared, events, differences, differencesTotal, gaps, revision }: Rebuild): string {
  const verdict = differencesTotal === 0 && gaps.length === 0 ? 'equal' : `${counted(differencesTotal, 'difference')}, ${counted(gaps.length, 'gap')}`;
  const summary = `${counted(compared, 'object')} compared with what the log makes of them (${counted(events, 'event')}), at revision ${revision}: ${verdict}`;
  const missing = gaps.map(({ subject, after, before }) => `MISSING: events of ${subject} after ${after} and before ${before}`);
  const different = table(differences, {
    OBJECT: ({ kind, id }) => `${kind} ${id}`,
    FIELD: ({ path }) => path || '(all of it)',
    LIVE: ({ live }) => JSON.stringify(live),
    REBUILT: ({ rebuilt }) => JSON.stringify(rebuilt),
  });
  return [summary, ...missing, ...(differences.length > 0 ? [different] : [])].join('\n');
}

export function showLeaders({ items }: Leaders): string {
  return table(items, {
    OFFICE: ({ role }) => role,
    HOLDER: ({ holder }) => holder ?? '(vacant)',
    SINCE: ({ since }) => since,
    'FENCING TOKEN': ({ fencingToken }) => fencingToken,
    'LEASE LEFT': ({ leaseLeftMs }) => (leaseLeftMs === undefined ? undefined : milliseconds(leaseLeftMs)),
  });
}

export function showStore({ usage, members, collections, revision }: Store): string {
  const share = `${(usage.usedShare * 100).toFixed(1)} % of ${bytes(usage.quotaBytes)}`;
  const alarms = usage.alarms.length === 0 ? 'no alarms' : `ALARM: ${usage.alarms.join(', ')}`;
  const summary = `${bytes(usage.usedBytes)} in use (${share}), ${bytes(usage.allocatedBytes)} allocated, revision ${revision}, ${alarms}`;
  const perMember = table(members, {
    MEMBER: ({ address }) => address,
    'IN USE': ({ usedBytes }) => usedBytes && bytes(usedBytes),
    ALLOCATED: ({ allocatedBytes }) => allocatedBytes && bytes(allocatedBytes),
    REVISION: (member) => member.revision,
    PROBLEM: ({ problem }) => problem,
  });
  const perCollection = table(collections, { COLLECTION: ({ collection }) => collection, KEYS: ({ keys }) => keys, SIZE: (size) => bytes(size.bytes) });
  return [summary, perMember, perCollection].join('\n\n');
}

export function showMaintained({ done, before, after }: Maintained): string {
  const change = (name: 'usedBytes' | 'allocatedBytes') => `${bytes(before[name])} → ${bytes(after[name])}`;
  return `${done}\nin use ${change('usedBytes')}, allocated ${change('allocatedBytes')}`;
}

export function showInvariants({ instances, workers, findings, findingsTotal, revision }: Invariants): string {
  const verdict = findingsTotal === 0 ? 'the ledger is right' : counted(findingsTotal, 'finding');
  const summary = `${counted(instances, 'instance')} and ${counted(workers, 'worker')} at revision ${revision}: ${verdict}`;
  const found = table(findings, {
    OBJECT: ({ object }) => object,
    FINDING: ({ message }) => message,
    REPAIR: ({ repairable }) => (repairable ? 'yes' : 'no'),
    'WHAT IT DOES, OR WHAT YOU MAY DO': ({ remedy }) => remedy,
  });
  return [summary, ...(findings.length > 0 ? [found] : [])].join('\n');
}

export function showRepair(answer: Repair): string {
  const { dryRun, repairs } = answer;
  if (repairs.length === 0) return `nothing can be repaired\n${showInvariants(answer)}`;
  const made = table(repairs, {
    WORKER: ({ worker }) => worker,
    OUTCOME: ({ outcome }) => outcome,
    WRITES: ({ writes }) => writes.join(' ') || undefined,
    REMOVES: ({ removes }) => removes.join(' ') || undefined,
    REVISION: ({ revision }) => revision,
    ...(repairs.some(({ reason }) => reason !== undefined) && { REASON: ({ reason }) => reason }),
  });
  return [made, dryRun ? 'nothing was written; --apply writes it' : 'afterwards:', showInvariants(answer)].join('\n');
}

export function showStuck({ items, total }: StuckObjects): string {
  if (total === 0) return 'nothing is stuck';
  const stuck = table(items, {
    OBJECT: ({ kind, id }) => `${kind} ${id}`,
    PHASE: ({ phase }) => phase,
    REASON: ({ reason }) => reason,
    STEP: ({ step }) => step,
    SINCE: ({ since }) => since,
    MESSAGE: ({ message }) => message,
    'WHAT TO DO': ({ advice }) => advice,
  });
  return [stuck, ...(total > items.length ? [`and ${total - items.length} more`] : [])].join('\n');
}

export function showNudged({ nudged, left }: Nudged): string {
  const listed = nudged.map(({ kind, id }) => `nudged ${kind} ${id}`);
  return [...(listed.length > 0 ? listed : ['nothing to nudge']), ...(left > 0 ? [`${left} are left; run it again`] : [])].join('\n');
}
