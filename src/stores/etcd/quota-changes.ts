import type { Owner } from '../../domain/header';
import type { QuotaRefusal, QuotaUsage } from '../../domain/quota';
import { charge, giveBack } from '../../domain/quota';
import type { Amounts, QuotaLimits } from '../../domain/tenancy';
import type { Decision, SharedChange, SharedRefusal } from './commit';
import { keys } from './keys';

/**
 * Charges an org and a project of it for something new; both always, so that a bound that is set later finds the right sum.
 * `isConfined`: whoever asks is confined to projects, and not told what all of the org hold together.
 */
export function charging(
  owner: Owner,
  amounts: Amounts,
  limits: { readonly org: QuotaLimits; readonly project: QuotaLimits },
  isConfined = false,
): NonNullable<Decision['shared']> {
  return {
    group: groupOf(owner),
    changes: [
      charged(keys.quota(owner.org), amounts, limits.org, { org: owner.org, isSecret: isConfined }),
      charged(keys.quota(owner.org, owner.project), amounts, limits.project, { ...owner }),
    ],
  };
}

/** Gives an org and its project back what something that ends was charged for. */
export function givingBack(owner: Owner, amounts: Amounts): NonNullable<Decision['shared']> {
  const changes = [keys.quota(owner.org), keys.quota(owner.org, owner.project)].map((key): SharedChange => ({
    key,
    apply: (current) => ({ value: giveBack(current as QuotaUsage | undefined, amounts) }),
  }));
  return { group: groupOf(owner), changes };
}

/** What meets at one org's key folds; no org waits for another. */
function groupOf({ org }: Owner): string {
  return keys.quota(org);
}

/** Whose bound it is, as a refusal says it. */
interface Holder {
  readonly org: string;
  readonly project?: string;
  /** Whether nothing is told of how much that is, and of how much there is already. */
  readonly isSecret?: boolean;
}

function charged(key: string, amounts: Amounts, limits: QuotaLimits, holder: Holder): SharedChange {
  return {
    key,
    apply: (current) => {
      const outcome = charge(current as QuotaUsage | undefined, amounts, limits);
      return 'refused' in outcome ? { refused: exceeded(holder, outcome.refused) } : outcome;
    },
  };
}

function exceeded({ org, project, isSecret }: Holder, refusal: QuotaRefusal): SharedRefusal {
  const { dimension, limit, usage, requested } = refusal;
  const holder = project === undefined ? `org ${org}` : `project ${project} of org ${org}`;
  if (isSecret) return { code: 'quota_exceeded', message: `${holder} may not hold ${requested} more ${dimension}`, detail: { org, dimension, requested } };
  const message = `${holder} may hold ${limit} ${dimension}, holds ${usage}, and was asked for ${requested} more`;
  return { code: 'quota_exceeded', message, detail: { org, ...(project !== undefined && { project }), ...refusal } };
}
