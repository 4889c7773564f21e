import type { Caller, PrincipalSpec } from '../../domain/principal';
import { ApiProblem } from '../http/problem';

/**
 * Each identity at the issuer is one principal of all organisations, so that whoever names one decides for all of them: he could draw
 * anybody into an organisation that is not his, and keep him out of his own. To name none is free.
 */
export function requireLinkScope(caller: Caller, external: PrincipalSpec['external'] | null): void {
  if (external === undefined || external === null || caller.scopes.has('principals:link')) return;
  throw new ApiProblem('forbidden', 'to name an external identity asks for the scope principals:link, which this credential has not', { members: { scope: 'principals:link' } });
}
