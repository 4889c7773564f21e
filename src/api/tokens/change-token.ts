import { Inject, Injectable } from '@nestjs/common';
import { admitToken } from '../../domain/access-admission';
import type { AdmissionContext } from '../../domain/admission';
import { isVisible } from '../../domain/authorization';
import { scopesOf } from '../../domain/caller';
import { closing, grantOf, refusalToGrant } from '../../domain/granting';
import { defaultProject } from '../../domain/header';
import type { Owner } from '../../domain/header';
import { tokenOverlapMsDefault, tokensPerPrincipalMax, tokensRetiredTogetherMax, tokenTtlMsDefault, tokenTtlMsMax } from '../../domain/limits';
import type { Caller, PrincipalSpec, TokenSpec } from '../../domain/principal';
import { isoTime } from '../../domain/status';
import { isEnded, lifetimeMs, replaceToken, revokeToken } from '../../domain/token-admission';
import { together, tokenCreation, tokenDecision, tokensRetirement } from '../../stores/etcd/access-decisions';
import type { Entry } from '../../stores/etcd/client';
import type { Compare, Decision } from '../../stores/etcd/commit';
import { onlyIf, unchanged } from '../../stores/etcd/decisions';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import { mintTokenSecret } from '../../token-secret';
import type { HeadEntries } from '../access/heads';
import { AccessHeads } from '../access/heads';
import { Standing } from '../access/standing';
import { Belonging } from '../belonging';
import type { Admitted, Proposal } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { ApiProblem, problemOfRefusal } from '../http/problem';
import { Reads } from '../http/reads';
import type { CreateToken } from './schemas';

type Entries = HeadEntries<TokenSpec>;

/** Whom a token is for, as it was read, with the tokens that there are already. */
interface Holder {
  readonly principal: HeadEntries<PrincipalSpec>;
  readonly tokens: readonly Entries[];
  /** What lets the caller ask for it. */
  readonly standing: readonly Compare[];
}

/** A new token, and its secret where this very request made it. */
export interface NewToken {
  readonly admitted: Admitted<Entries>;
  readonly secret: string | undefined;
}

/** Admits new tokens, their replacement and their end. */
@Injectable()
export class TokenChanges {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(AccessHeads) private readonly heads: AccessHeads,
    @Inject(Belonging) private readonly belonging: Belonging,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Standing) private readonly standing: Standing,
  ) {}

  async create(request: CreateToken, context: RequestContext): Promise<NewToken> {
    const { caller } = context;
    const principalId = request.principal ?? caller.id;
    // What a token is narrowed to, those that it makes are narrowed to as well: their principal may come to do more.
    const narrowing = request.scopes ?? caller.narrowedTo;
    const wanted = { principal: principalId, description: request.description ?? '', ...(narrowing && { scopes: narrowing }), lastsMs: request.expiresIn ?? tokenTtlMsDefault };
    const owner = ownerOf((await this.principal(principalId, caller, false)).spec.value);
    const { id, secret, hash } = mint();
    const admitted = await this.admission.admit<Holder, Entries>({
      context,
      body: request,
      object: { kind: 'Token', id },
      mintedId: id,
      owner,
      isNewWork: true,
      look: (certain) => this.holder(principalId, caller, certain),
      decide: (holder, admission) => {
        const spec = admitToken(wanted, admission);
        return proposed(spec, this.creation(spec, hash, caller, holder), holder, admission);
      },
      read: (tokenId) => this.heads.presentOrPast('Token', tokenId),
    });
    return { admitted, secret: admitted.subject.id === id ? secret : undefined };
  }

  /** Gives the same principal another token; the old one stays good for a while. */
  async rotate(oldId: string, overlapMs: number = tokenOverlapMsDefault, context: RequestContext): Promise<NewToken> {
    const { caller } = context;
    const known = this.heads.requireConcern(caller, await this.heads.known('Token', oldId));
    const owner = { org: known.spec.value.org, project: known.spec.value.project };
    const { id, secret, hash } = mint();
    const admitted = await this.admission.admit<{ old: Entries; holder: Holder }, Entries>({
      context,
      body: { overlapMs },
      object: { kind: 'Token', id },
      mintedId: id,
      owner,
      isNewWork: false,
      look: async (certain) => {
        const old = this.heads.requireConcern(caller, await this.heads.present('Token', oldId));
        return { old, holder: await this.holder(old.spec.value.principal, caller, certain) };
      },
      decide: ({ old, holder }, admission) => {
        requireMatch(context, old.spec);
        const { principal, description, scopes } = old.spec.value;
        const replaced = admittedBy(replaceToken(old.spec.value, id, overlapMs, admission));
        const lastsMs = Math.min(lifetimeMs(old.spec.value), tokenTtlMsMax);
        const spec = admitToken({ principal, description, ...(scopes && { scopes }), lastsMs }, admission);
        const decision = together(this.creation(spec, hash, caller, holder), tokenDecision(old.spec, replaced!, 'replaced'));
        return proposed(spec, decision, { ...holder, tokens: holder.tokens.filter((each) => each.id !== oldId) }, admission);
      },
      read: (tokenId) => this.heads.presentOrPast('Token', tokenId),
    });
    return { admitted, secret: admitted.subject.id === id ? secret : undefined };
  }

  revoke(id: string, context: RequestContext): Promise<Admitted<Entries>> {
    return this.admission.admit<{ seen: Entries; standing: readonly Compare[] }, Entries>({
      context,
      object: { kind: 'Token', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: async (certain) => {
        const seen = this.heads.requireConcern(context.caller, await this.heads.present('Token', id));
        return { seen, standing: await this.standing.relied(context.caller, certain) };
      },
      decide: ({ seen, standing }, admission) => {
        requireMatch(context, seen.spec);
        const spec = admittedBy(revokeToken(seen.spec.value, admission));
        return spec && { decision: onlyIf(tokenDecision(seen.spec, spec, 'revoked'), ...standing), after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (tokenId) => this.heads.presentOrPast('Token', tokenId),
    });
  }

  /** What it stands on is compared, and so is the org that it comes into. */
  private creation(spec: TokenSpec, hash: string, caller: Caller, holder: Holder): Decision {
    const decision = tokenCreation(spec, hash, relied(caller, holder, spec));
    return this.belonging.into({ org: spec.org, project: defaultProject }, decision);
  }

  private async holder(principalId: string, caller: Caller, certain: boolean): Promise<Holder> {
    if (certain) await this.reads.upToPresent();
    const principal = await this.principal(principalId, caller, certain);
    const standing = await this.standing.relied(caller, certain);
    return { principal, standing, tokens: this.heads.all('Token').filter(({ spec }) => spec.value.principal === principalId) };
  }

  /** Oneself, or somebody whom the caller may give access. */
  private async principal(id: string, caller: Caller, certain: boolean): Promise<HeadEntries<PrincipalSpec>> {
    const found = await (certain ? this.heads.present('Principal', id) : this.heads.known('Principal', id));
    if (id === caller.id) return found;
    if (!isVisible(caller, found.spec.value)) throw new ObjectNotFoundError('principal', id);
    if (!caller.scopes.has('principals:write')) {
      throw new ApiProblem('forbidden', 'a token for somebody else asks for the scope principals:write', { members: { scope: 'principals:write' } });
    }
    return found;
  }
}

function mint(): { readonly id: string; readonly secret: string; readonly hash: string } {
  const id = mintId('k');
  const { token, hash } = mintTokenSecret(id);
  return { id, secret: token, hash };
}

/** Checks everything that a new token stands on, and answers what to compare. Throws the refusal. */
function relied(caller: Caller, { principal, standing }: Holder, token: TokenSpec): readonly Compare[] {
  const { value } = principal.spec;
  if (value.deletionRequestedAt !== undefined) throw problemOfRefusal(closing(value).refusal);
  if (value.disabled) throw new ApiProblem('invalid_transition', `principal ${value.id} is disabled, and a token would let nobody in`);
  const missing = (token.scopes ?? []).filter((scope) => !scopesOf(value).has(scope));
  if (missing.length > 0) throw new ApiProblem('forbidden', `the principal itself lacks ${missing.join(', ')}`, { members: { scopes: missing } });
  const refusal = refusalToGrant(caller, { ...grantOf(value), scopes: scopesOf(value, token) });
  if (refusal) throw problemOfRefusal(refusal);
  return [...standing, unchanged(keys.principalSpec(value.id), principal.spec)];
}

/** With the new token those go that ended longest ago, where there are as many as there may be. */
function proposed(spec: TokenSpec, decision: Proposal<Entries>['decision'], { tokens }: Holder, admission: AdmissionContext): Proposal<Entries> {
  const after = (revision: number) => ({ id: spec.id, spec: { value: spec, revision } });
  const excess = tokens.length + 1 - tokensPerPrincipalMax;
  if (excess <= 0) return { decision, after };
  const going = endedTokens(tokens, admission.nowMs).slice(0, Math.min(excess, tokensRetiredTogetherMax));
  if (going.length === 0) throw new ApiProblem('token_limit', `the principal has ${tokens.length} tokens that are good, as many as it may; revoke one`, { members: { limit: tokensPerPrincipalMax } });
  return { decision: together(decision, tokensRetirement(going, { time: isoTime(admission.nowMs), cause: admission.cause })), after };
}

function endedTokens(tokens: readonly Entries[], nowMs: number): ReadonlyArray<Entry<TokenSpec>> {
  const ended = tokens.map(({ spec }) => spec).filter(({ value }) => isEnded(value, nowMs));
  return ended.sort((one, other) => (endOf(one.value) < endOf(other.value) ? -1 : 1));
}

function endOf({ revokedAt, expiresAt }: TokenSpec): string {
  return revokedAt ?? expiresAt;
}

function ownerOf({ org, project }: PrincipalSpec): Owner {
  return { org, project };
}
