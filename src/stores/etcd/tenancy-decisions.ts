import type { Cause } from '../../domain/events';
import { nextSequence } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { OrgSpec, ProjectSpec } from '../../domain/tenancy';
import type { Entry } from './client';
import type { Compare, Decision } from './commit';
import { absent, createDecision, eventOf, onlyIf, unchanged } from './decisions';
import { keys } from './keys';

/** What became of an org or a project, as its event is called. */
export type TenantChange = 'updated' | 'suspended' | 'resumed' | 'closing' | 'reopened';

type TenantSpec = OrgSpec | ProjectSpec;

/** A new org or project, which claims its name. */
export function tenantCreation(spec: TenantSpec, relied: readonly Compare[] = []): Decision {
  return createDecision({ header: spec, puts: { spec }, claims: [claimOf(spec)], onlyIf: relied, eventType: eventType(spec, 'created') });
}

/** Another spec; a name is given up by the very commit that claims the new one. */
export function tenantDecision(before: Entry<TenantSpec>, after: TenantSpec, what: TenantChange): Decision {
  const [formerClaim, claim] = [claimOf(before.value), claimOf(after)];
  const key = keys.spec(after.kind, after.id);
  const renamed = claim !== formerClaim;
  const decision: Decision = {
    id: `${kinds[after.kind].collection}/${after.id}/${before.revision}/${what}`,
    compares: [unchanged(key, before)],
    puts: [{ key, value: after }, ...(renamed ? [{ key: claim, value: { schemaVersion: 1, id: after.id } }] : [])],
    deletes: renamed ? [formerClaim] : [],
    events: [eventOf(after, { type: eventType(after, what), sequence: after.sequence, time: after.updatedAt, cause: after.cause, data: { spec: after } })],
  };
  return renamed ? onlyIf(decision, absent(claim)) : decision;
}

/** An org or a project leaves etcd for good, with its name and its accounts. It was closed before, and found empty since. */
export function tenantRetirement(entry: Entry<TenantSpec>, { time, cause }: { readonly time: string; readonly cause: Cause }): Decision {
  const { value: spec } = entry;
  const key = keys.spec(spec.kind, spec.id);
  return {
    id: `${kinds[spec.kind].collection}/${spec.id}/${entry.revision}/retire`,
    compares: [unchanged(key, entry)],
    puts: [],
    deletes: [key, claimOf(spec), ...accountsOf(spec)],
    events: [eventOf(spec, { type: eventType(spec, 'retired'), sequence: nextSequence(spec), time, cause, data: {} })],
  };
}

/** Keys that an org, while it is closed and empty, is the last to need; without events, for nobody but it knew of them. */
export function clearingDecision(entry: Entry<OrgSpec>, claims: readonly string[]): Decision {
  const key = keys.orgSpec(entry.value.id);
  return { id: `orgs/${entry.value.id}/${entry.revision}/clear`, compares: [unchanged(key, entry)], puts: [], deletes: claims, events: [] };
}

function claimOf(spec: TenantSpec): string {
  return spec.kind === 'Org' ? keys.orgName(spec.name) : keys.projectName(spec.org, spec.name);
}

/** The accounts of projects that have gone before went with them; that of the project `default` goes with the org. */
function accountsOf(spec: TenantSpec): string[] {
  return spec.kind === 'Org' ? [keys.quota(spec.id), keys.quota(spec.id, 'default')] : [keys.quota(spec.org, spec.id)];
}

function eventType(spec: TenantSpec, what: string): string {
  return `berth.${kinds[spec.kind].eventName}.${what}`;
}
