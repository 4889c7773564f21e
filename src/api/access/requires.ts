import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { Kind } from '../../domain/header';
import type { Scope } from '../../domain/scopes';

/** What a route asks of whoever calls it. */
export type Requirement =
  | { readonly scope: Scope; /** The kind of the object that its `:id` names. */ readonly of?: Kind; /** Whether agents call it, by the token of their worker. */ readonly agents?: true }
  | 'open';

/** Metadata key of a route's requirement. */
export const requirement = Symbol('requirement');

/** Declares what a route asks for, to the guard and to readers of the OpenAPI document; the server does not start while one of its routes declares nothing. */
export function Requires(scope: Scope, options: { readonly of?: Kind | undefined; readonly agents?: true } = {}) {
  const { of, agents } = options;
  const asked: Requirement = { scope, ...(of && { of }), ...(agents && { agents }) };
  return applyDecorators(SetMetadata(requirement, asked), ApiExtension('x-scope', scope));
}

/** Declares that a route is open to all: it shows nothing that is anybody's. */
export function OpenToAll() {
  return SetMetadata(requirement, 'open' satisfies Requirement);
}
