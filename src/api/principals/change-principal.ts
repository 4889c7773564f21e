import { Inject, Injectable } from '@nestjs/common';
import { changePrincipal, closePrincipal } from '../../domain/granting';
import { tokensRetiredTogetherMax } from '../../domain/limits';
import type { PrincipalSpec, TokenSpec } from '../../domain/principal';
import { isoTime } from '../../domain/status';
import { principalDecision, principalRetirement, tokensRetirement } from '../../stores/etcd/access-decisions';
import type { Entry } from '../../stores/etcd/client';
import type { Compare, Decision } from '../../stores/etcd/commit';
import { onlyIf } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { HeadEntries, Taken } from '../access/heads';
import { AccessHeads } from '../access/heads';
import { Standing } from '../access/standing';
import { Belonging } from '../belonging';
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
import { requireLinkScope } from './may-link';
import { nameTaken } from './principals';
import type { PatchPrincipal } from './schemas';

type Entries = HeadEntries<PrincipalSpec>;

/** What a change is decided on. */
interface Seen {
  readonly seen: Entries;
  /** What lets the caller ask for it. */
  readonly standing: readonly Compare[];
}

/** Admits changes of a principal, and its end. */
@Injectable()
export class PrincipalChanges {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(AccessHeads) private readonly heads: AccessHeads,
    @Inject(Belonging) private readonly belonging: Belonging,
    @Inject(Standing) private readonly standing: Standing,
  ) {}

  patch(id: string, body: PatchPrincipal, context: RequestContext): Promise<Admitted<Entries>> {
    requireLinkScope(context.caller, body.external);
    return this.admission.admit<Seen & { taken: Taken }, Entries>({
      context,
      body,
      object: { kind: 'Principal', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        const { seen, standing } = await this.seen(id, context, certain);
        return { seen, standing, taken: await this.heads.taken(seen.spec.value.org, { name: body.name, external: body.external ?? undefined }, seen.spec.value) };
      },
      decide: ({ seen, standing, taken }, admission) => {
        requireMatch(context, seen.spec);
        const spec = admittedBy(changePrincipal(context.caller, seen.spec.value, body, admission));
        if (spec === undefined) return undefined;
        if (taken !== undefined) throw nameTaken(taken, spec);
        const decision = onlyIf(principalDecision(seen.spec, spec, 'updated'), ...standing);
        const named = spec.projects?.filter((project) => !seen.spec.value.projects?.includes(project)) ?? [];
        return { decision: named.length > 0 ? this.belonging.naming(spec.org, named, decision) : decision, after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (principalId) => this.heads.presentOrPast('Principal', principalId),
    });
  }

  /**
   * Closes the principal first: every token's creation compares its head, so that from there on it has no more tokens than
   * the cache shows at that revision. They go, and then the principal. Whoever asks again goes on where this one ended.
   */
  async delete(id: string, context: RequestContext): Promise<Admitted<Entries>> {
    const admitted = await this.close(id, context);
    const present = await this.dependencies.etcd.get(keys.principalSpec(id));
    // Somebody who asked for the same was faster.
    if (present === undefined) return admitted;
    await this.retireTokens(id, admitted.subject.spec.revision, context);
    await this.commit(principalRetirement(present as Entry<PrincipalSpec>, this.moment(context)));
    return admitted;
  }

  private close(id: string, context: RequestContext): Promise<Admitted<Entries>> {
    return this.admission.admit<Seen, Entries>({
      context,
      object: { kind: 'Principal', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: (certain) => this.seen(id, context, certain),
      decide: ({ seen, standing }, admission) => {
        requireMatch(context, seen.spec);
        const spec = admittedBy(closePrincipal(context.caller, seen.spec.value, admission));
        if (spec === undefined) return undefined;
        return { decision: onlyIf(principalDecision(seen.spec, spec, 'closed'), ...standing), after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (principalId) => this.heads.presentOrPast('Principal', principalId),
    });
  }

  private async seen(id: string, { caller }: RequestContext, certain: boolean): Promise<Seen> {
    return { seen: await this.heads.present('Principal', id), standing: await this.standing.relied(caller, certain) };
  }

  private async retireTokens(principal: string, closedAt: number, context: RequestContext): Promise<void> {
    await this.reads.upTo({ minRevision: closedAt });
    const left = this.heads.all('Token').filter(({ spec }) => spec.value.principal === principal);
    for (let from = 0; from < left.length; from += tokensRetiredTogetherMax) {
      const entries = left.slice(from, from + tokensRetiredTogetherMax).map(({ spec }) => spec);
      await this.commit(retirementOf(principal, entries, this.moment(context)));
    }
  }

  /** What changed meanwhile, such as a token that was revoked, is looked at when the request is repeated. */
  private async commit(decision: Decision): Promise<void> {
    const outcome = await this.dependencies.committer.commit(decision);
    if (outcome.kind !== 'done') throw new ApiProblem('conflict', 'something of the principal was changed while it was being deleted; ask again');
  }

  private moment(context: RequestContext) {
    return { time: isoTime(Date.now()), cause: causeOf(context) };
  }
}

function retirementOf(principal: string, entries: ReadonlyArray<Entry<TokenSpec>>, moment: Parameters<typeof tokensRetirement>[1]): Decision {
  const [first] = entries;
  return { id: `principals/${principal}/tokens/${first!.value.id}/${first!.revision}/retire`, puts: [], ...tokensRetirement(entries, moment) };
}
