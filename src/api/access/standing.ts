import { Inject, Injectable } from '@nestjs/common';
import type { Rejection } from '../../domain/caller';
import { callerBy } from '../../domain/caller';
import { reasonToEnd } from '../../domain/credential-end';
import { platformOrg } from '../../domain/header';
import { credentialKnownMsMax } from '../../domain/limits';
import type { Caller, PrincipalSpec, TokenSpec } from '../../domain/principal';
import type { OrgSpec } from '../../domain/tenancy';
import type { Entry } from '../../stores/etcd/client';
import type { Compare } from '../../stores/etcd/commit';
import { unchanged } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import { unauthenticated } from './unauthenticated';

type Reason = ReturnType<typeof reasonToEnd>;

/** Tells whether a credential still lets in what it let in when a request came. */
@Injectable()
export class Standing {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Why it does not, as far as the cache knows. */
  reasonToEnd(caller: Caller): Reason {
    return reasonBy(caller, (key) => this.dependencies.cache.get(key)?.value);
  }

  /** Whether the cache has heard of what let the caller in. */
  isKnown(caller: Caller): boolean {
    return keysOf(caller).every((key) => this.dependencies.cache.get(key) !== undefined);
  }

  async catchUp(): Promise<void> {
    await this.dependencies.cache.waitForRevision(await this.dependencies.etcd.revision(), credentialKnownMsMax);
  }

  /**
   * Throws where it does not. Between the head of a request and what it does lies its body, which whoever sends it may hold back
   * for as long as he likes. What a cache that is behind says against him is looked at again.
   */
  async require(caller: Caller): Promise<void> {
    // Agents have a token of their worker's, and their guard has looked at it.
    if (caller.type === 'worker' || this.reasonToEnd(caller) === undefined) return;
    await this.catchUp();
    const reason = this.reasonToEnd(caller);
    if (reason !== undefined) throw endedBy(reason);
  }

  /**
   * What to compare in a commit that gives access, so that it is decided there, and at no other revision, that whoever gives it
   * may. Throws where he may not. `certain`: by what is there now, not by what the cache remembers.
   */
  async relied(caller: Caller, certain: boolean): Promise<readonly Compare[]> {
    const { cache, etcd } = this.dependencies;
    const wanted = [...keysOf(caller), ...(caller.org === platformOrg ? [] : [keys.orgSpec(caller.org)])];
    const found = new Map<string, Entry<unknown> | undefined>();
    await Promise.all(wanted.map(async (key) => void found.set(key, (certain ? undefined : cache.get(key)) ?? (await etcd.get(key)))));
    const reason = reasonBy(caller, (key) => found.get(key)?.value);
    if (reason !== undefined) throw endedBy(reason);
    return wanted.map((key) => unchanged(key, found.get(key)));
  }
}

/** What a credential stands on, beside the org. */
function keysOf({ id, credential }: Caller): readonly string[] {
  return [keys.principalSpec(id), ...(credential === 'oidc' ? [] : [keys.tokenSpec(credential)])];
}

function reasonBy(caller: Caller, read: (key: string) => unknown): Reason {
  return reasonToEnd(caller, presentBy(caller, read));
}

/** Whom the credential lets in by what is read. */
function presentBy({ id, credential, external, expiresAt }: Caller, read: (key: string) => unknown): Caller | Rejection {
  const isToken = credential !== 'oidc';
  const token = isToken ? (read(keys.tokenSpec(credential)) as TokenSpec | undefined) : undefined;
  if (isToken && token === undefined) return 'unknown';
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()) return 'expired';
  const principal = read(keys.principalSpec(id)) as PrincipalSpec | undefined;
  if (!isToken && !isNamedBy(principal, external)) return 'unknown';
  return callerBy({ token, principal, org: orgOf(principal, read) }, credential, Date.now());
}

/** The org of a principal; undefined for those who run Berth, and where it has no head. */
export function orgOf(principal: PrincipalSpec | undefined, read: (key: string) => unknown): OrgSpec | undefined {
  return principal === undefined || principal.org === platformOrg ? undefined : (read(keys.orgSpec(principal.org)) as OrgSpec | undefined);
}

/** Whether a principal is the one whom the issuer's token names: to unlink him is to end what he opened by it. */
export function isNamedBy(principal: PrincipalSpec | undefined, external: Caller['external']): principal is PrincipalSpec {
  return external !== undefined && principal?.external?.issuer === external.issuer && principal.external.subject === external.subject;
}

function endedBy(reason: NonNullable<Reason>): ApiProblem {
  if (reason === 'suspended') return new ApiProblem('org_suspended', 'the organisation was suspended while this request was being read');
  if (reason === 'narrowed') return new ApiProblem('forbidden', 'this credential came to do less while this request was being read; ask again');
  return unauthenticated('the credential has ended while this request was being read');
}
