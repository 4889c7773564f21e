import { Inject, Injectable } from '@nestjs/common';
import { admissionAttemptsMax, commitOperationsMax, occupantsNamedMax } from '../../domain/limits';
import { kinds } from '../../domain/kinds';
import type { Occupancy } from '../../domain/occupancy';
import { occupancyOf } from '../../domain/occupancy';
import { changeTenant } from '../../domain/tenancy-admission';
import type { OrgSpec } from '../../domain/tenancy';
import type { Entry } from '../../stores/etcd/client';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { ownDecision } from '../../stores/etcd/decisions';
import { definitionNamesOf } from '../../stores/etcd/keys';
import { livingObjects } from '../../stores/etcd/occupants';
import type { TenantChange } from '../../stores/etcd/tenancy-decisions';
import { clearingDecision, tenantDecision, tenantRetirement } from '../../stores/etcd/tenancy-decisions';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { causeOf } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { ObjectHistory } from '../history/object-history';
import type { TenantEntries, TenantKind } from './tenant-heads';
import { TenantHeads } from './tenant-heads';

/**
 * Takes an org or a project away once it is proven to be empty. First it is closed, by a commit on the head that every admission
 * into it compares: what was admitted has a lower revision, and a cache that has come to that of the closing shows all of it.
 * What is found closed was left so by a removal that did not come to its end, and this one goes on from there.
 */
@Injectable()
export class TenantRemoval {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(TenantHeads) private readonly heads: TenantHeads,
    @Inject(ObjectHistory) private readonly past: ObjectHistory,
  ) {}

  /** Answers it as it last was. */
  async remove(kind: TenantKind, id: string, context: RequestContext): Promise<Admitted<TenantEntries>> {
    const first = await this.proveEmpty(kind, id, context).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined; // Then an earlier request under the same key may have done it.
      throw error;
    });
    return this.admission.admit<TenantEntries, TenantEntries>({
      context,
      object: { kind, id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: (certain) => (certain || !first ? this.proveEmpty(kind, id, { ...context, ifMatch: undefined }) : Promise.resolve(first)),
      decide: (seen, { nowMs, cause }) => {
        const time = new Date(nowMs).toISOString();
        return { decision: tenantRetirement(seen.spec, { time, cause }), after: () => seen };
      },
      read: () => this.asItWas(kind, id),
    });
  }

  private async proveEmpty(kind: TenantKind, id: string, context: RequestContext): Promise<TenantEntries> {
    return this.emptied(await this.closed(kind, id, context), context);
  }

  /** Closes it, if it is open. Other changes of it may come in between, so that it is tried again. */
  private async closed(kind: TenantKind, id: string, context: RequestContext): Promise<TenantEntries> {
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const seen = await this.heads.present(kind, id);
      requireMatch(context, seen.spec);
      if (seen.spec.value.closing) return seen;
      const closed = await this.change(seen, { closing: true }, 'closing', context);
      if (closed) return closed;
    }
    throw new ApiProblem('conflict', `others kept changing ${kinds[kind].name} ${id}; ask again`);
  }

  /** It, with nothing in it; opened again where there is something. */
  private async emptied(closed: TenantEntries, context: RequestContext): Promise<TenantEntries> {
    await this.reads.upTo({ minRevision: closed.spec.revision });
    const { kind, id, org } = closed.spec.value;
    const occupancy = occupancyOf({ kind, id, org }, livingObjects(this.dependencies.cached), occupantsNamedMax);
    if (occupancy) {
      // Who was faster has opened it, or has seen it empty since: either way it is not for this one to open.
      await this.change(closed, { closing: false }, 'reopened', context);
      throw notEmpty(kind, id, occupancy);
    }
    if (kind === 'Org') await this.clear(closed.spec as Entry<OrgSpec>);
    return closed;
  }

  /** Versions of definitions are never given twice in an org, for as long as it is there; their names go with it. */
  private async clear(closed: Entry<OrgSpec>): Promise<void> {
    const { etcd, committer } = this.dependencies;
    const prefix = definitionNamesOf(closed.value.id);
    if (prefix === undefined) return;
    const { entries } = await etcd.list(prefix);
    for (let from = 0; from < entries.length; from += namesPerCommitMax) {
      await committer.commit(clearingDecision(closed, entries.slice(from, from + namesPerCommitMax).map(({ key }) => key)));
    }
  }

  private async change(seen: TenantEntries, changes: { readonly closing: boolean }, what: TenantChange, context: RequestContext): Promise<TenantEntries | undefined> {
    const admission = { nowMs: Date.now(), mintedId: mintId('command'), owner: seen.spec.value, cause: causeOf(context) };
    const spec = admittedBy(changeTenant(changes, seen.spec.value, admission));
    if (spec === undefined) return seen;
    const outcome = await this.dependencies.committer.commit(ownDecision(tenantDecision(seen.spec, spec, what), admission.mintedId));
    return outcome.kind === 'done' ? { id: seen.id, spec: { value: spec, revision: outcome.revision } } : undefined;
  }

  /** For whoever asks again: it has left, and its last state is in the log. */
  private async asItWas(kind: TenantKind, id: string): Promise<TenantEntries> {
    const { after } = await this.past.at({ kind, id }, {});
    return { id, spec: { value: after.spec as TenantEntries['spec']['value'], revision: Number(after.revision) } };
  }
}

/** Beside the compare. */
const namesPerCommitMax = commitOperationsMax - 1;

function notEmpty(kind: TenantKind, id: string, { counts, objects }: Occupancy): ApiProblem {
  const held = Object.entries(counts).map(([held, count]) => `${held} ${count}`).join(', ');
  const detail = `${kinds[kind].name} ${id} still holds something: ${held}`;
  return new ApiProblem(kind === 'Org' ? 'org_not_empty' : 'project_not_empty', detail, { members: { counts, objects } });
}
