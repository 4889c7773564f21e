import type { Caller, PrincipalSpec } from '../../domain/principal';
import { requireScope } from '../access/require-scope';

/**
 * Each identity at the issuer is one principal of all organisations, so that whoever names one decides for all of them: he could draw
 * anybody into an organisation that is not his, and keep him out of his own. To name none is free.
 */
export function requireLinkScope(caller: Caller, external: PrincipalSpec['external'] | null): void {
  if (external) requireScope(caller, 'principals:link', 'to name an external identity');
}
