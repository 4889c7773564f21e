import type { DefinitionSpec, DefinitionStatus } from '../../../../src/domain/definition';
import type { Owner } from '../../../../src/domain/header';
import type { InstanceSpec } from '../../../../src/domain/instance';
import type { QuotaUsage } from '../../../../src/domain/quota';
import { giveBack, heldByDefinition, heldByInstance, nothingHeld, sumOf } from '../../../../src/domain/quota';
import { differencesOfUsage, quotaKeysOf } from '../../../../src/domain/quota-audit';
import type { Amounts } from '../../../../src/domain/tenancy';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RunHistory, StoreRevision } from '../history';
import type { Finding, Rule } from './rule';
import { objectOf, StoreState } from './store-state';

/** At every revision: what a quota key says is what is held. */
export const quotas: Rule = {
  promise: 'an org and a project are charged for what they hold, from the commit that makes it to the one that asks it to end',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const fold = new QuotaFold();
    return store.revisions.flatMap((revision) => fold.findingsAt(revision));
  },
};

/** What one object holds, and of whom. */
interface Held {
  readonly owner: Owner;
  readonly amounts: Amounts;
}

/** Follows who holds what, and after each revision looks at the keys that it touched. */
class QuotaFold {
  private readonly state = new StoreState();
  private readonly held = new Map<string, Held>();
  private readonly sums = new Map<string, Amounts>();
  /** A fault that stays for a thousand revisions is one finding. */
  private readonly broken = new Set<string>();

  findingsAt(revision: StoreRevision): Finding[] {
    this.state.apply(revision);
    const touched = new Set<string>();
    for (const { key } of revision.changes) {
      const { collection, id, part } = objectOf(key);
      if (collection === 'quotas') touched.add(key);
      if ((collection === 'instances' || collection === 'definitions') && (part === 'spec' || part === 'state')) {
        this.follow(`${collection}/${id}`, collection === 'instances' ? this.ofInstance(id) : this.ofDefinition(id), touched);
      }
    }
    return [...touched].flatMap((key) => this.judge(key, revision.revision));
  }

  private follow(object: string, now: Held | undefined, touched: Set<string>): void {
    const before = this.held.get(object);
    if (before) for (const key of quotaKeysOf(before.owner)) this.sums.set(key, giveBack({ schemaVersion: 1, used: this.sumOf(key) }, before.amounts).used);
    if (now) for (const key of quotaKeysOf(now.owner)) this.sums.set(key, sumOf([this.sumOf(key), now.amounts]));
    for (const { owner } of [before, now].filter((one) => one !== undefined)) quotaKeysOf(owner).forEach((key) => touched.add(key));
    if (now) this.held.set(object, now);
    else this.held.delete(object);
  }

  private judge(key: string, revision: number): Finding[] {
    const message = differencesOfUsage(this.state.value<QuotaUsage>(key), this.sumOf(key));
    const isKnown = this.broken.has(key);
    if (message === '') this.broken.delete(key);
    else this.broken.add(key);
    return message === '' || isKnown ? [] : [{ rule: 'quota-differs', object: key, revision, message: `says ${message}` }];
  }

  private sumOf(key: string): Amounts {
    return this.sums.get(key) ?? nothingHeld;
  }

  private ofInstance(id: string): Held | undefined {
    const spec = this.state.value<InstanceSpec>(keys.instanceSpec(id));
    const amounts = spec && heldByInstance(spec);
    return amounts && { owner: spec, amounts };
  }

  private ofDefinition(id: string): Held | undefined {
    const spec = this.state.value<DefinitionSpec>(keys.definitionSpec(id));
    const status = this.state.value<DefinitionStatus>(keys.definitionStatus(id));
    const amounts = spec && status && heldByDefinition(spec, status.phase);
    return amounts && { owner: spec, amounts };
  }
}
