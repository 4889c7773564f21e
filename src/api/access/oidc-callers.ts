import { Inject, Injectable } from '@nestjs/common';
import { callerBy } from '../../domain/caller';
import { platformOrg } from '../../domain/header';
import type { Caller, PrincipalSpec } from '../../domain/principal';
import type { OrgSpec } from '../../domain/tenancy';
import { externalKey } from '../../stores/etcd/access-decisions';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { VerifiedToken } from './oidc';
import { OidcRefusal, OidcVerifier } from './oidc';
import { isNamedBy } from './standing';

/** Finds out who sends a request, by a token of the issuer that this server trusts. */
@Injectable()
export class OidcCallers {
  private readonly verifier: OidcVerifier | undefined;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {
    const { oidc, log } = dependencies;
    this.verifier = oidc && new OidcVerifier(oidc, { onProblem: (problem, cause) => log.warn({ err: cause }, problem) });
  }

  /**
   * Whom a token lets in, `suspended` where that is the only reason against it, undefined where it lets in nobody. Why
   * not is in the log alone. `onUnknown` is called before any store is asked, and before a refusal.
   */
  async callerOf(token: string, onUnknown: () => void): Promise<Caller | 'suspended' | undefined> {
    if (this.verifier === undefined) {
      onUnknown();
      return undefined;
    }
    const verified = await this.verified(this.verifier, token, onUnknown);
    if (verified === undefined) return undefined;
    const caller = await this.known(verified, onUnknown);
    if (typeof caller !== 'string') return { ...caller, expiresAt: verified.expiresAt };
    this.dependencies.log.info({ subject: verified.subject, rejection: caller }, 'an OIDC token was refused');
    return caller === 'suspended' ? caller : undefined;
  }

  /** Undefined for what is not good. Also where that cannot be known, whoever sends it is a stranger, and counted as one. */
  private async verified(verifier: OidcVerifier, token: string, onUnknown: () => void): Promise<VerifiedToken | undefined> {
    try {
      return await verifier.verify(token);
    } catch (error) {
      onUnknown();
      if (!(error instanceof OidcRefusal)) throw error;
      this.dependencies.log.info({ rejection: error.message }, 'an OIDC token was refused');
      return undefined;
    }
  }

  /** The cache only ever lets in; whoever it does not know is looked for in the store. */
  private async known(verified: VerifiedToken, onUnknown: () => void): Promise<ReturnType<typeof callerBy>> {
    const { cache, etcd } = this.dependencies;
    const cached = await this.callerBy(verified, async (key) => cache.get(key)?.value);
    if (typeof cached !== 'string') return cached;
    onUnknown();
    return this.callerBy(verified, async (key) => (await etcd.get(key))?.value);
  }

  private async callerBy({ issuer, subject }: VerifiedToken, read: (key: string) => Promise<unknown>): Promise<ReturnType<typeof callerBy>> {
    const claim = (await read(externalKey({ issuer, subject }))) as { readonly id: string } | undefined;
    const principal = claim && ((await read(keys.principalSpec(claim.id))) as PrincipalSpec | undefined);
    if (!isNamedBy(principal, { issuer, subject })) return 'unknown';
    const org = principal.org === platformOrg ? undefined : ((await read(keys.orgSpec(principal.org))) as OrgSpec | undefined);
    const caller = callerBy({ principal, org }, 'oidc', Date.now());
    return typeof caller === 'string' ? caller : { ...caller, external: { issuer, subject } };
  }
}
