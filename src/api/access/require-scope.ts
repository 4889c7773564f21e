import type { Caller } from '../../domain/principal';
import type { Scope } from '../../domain/scopes';
import { ApiProblem } from '../http/problem';

/** Throws `forbidden` where the caller lacks a scope. `what` is done with it, as a sentence begins. */
export function requireScope(caller: Caller, scope: Scope, what: string): void {
  if (caller.scopes.has(scope)) return;
  throw new ApiProblem('forbidden', `${what} asks for the scope ${scope}, which this credential has not`, { members: { scope } });
}
