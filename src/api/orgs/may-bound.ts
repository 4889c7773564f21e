import type { Caller } from '../../domain/principal';
import { platformOrg } from '../../domain/header';
import { requireScope } from '../access/require-scope';
import { ApiProblem } from '../http/problem';

/** What a tenant may hold is set by whoever has been given that, and by nobody for himself. */
export function requireQuotaScope(caller: Caller, quota: unknown): void {
  if (quota !== undefined) requireScope(caller, 'quotas:write', 'to set a quota');
}

/** Orgs come and go by those who run Berth. */
export function requirePlatform(caller: Caller, what: string): void {
  if (caller.org === platformOrg) return;
  throw new ApiProblem('forbidden', `${what} is for those who run Berth`, { members: { scope: 'orgs:write' } });
}
