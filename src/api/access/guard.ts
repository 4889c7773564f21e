import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { NextFunction, Request, Response } from 'express';
import { decide } from '../../domain/authorization';
import { admit, callerOf, identify } from '../http/context';
import { ApiProblem } from '../http/problem';
import type { RequestLimits } from '../limits/request-limits';
import type { Authenticator } from './authenticator';
import { ObjectOwners } from './owners';
import { requireScope } from './require-scope';
import type { Requirement } from './requires';
import { requirement } from './requires';

/** What anybody may ask for. */
const openPaths = /^\/(health|ready|openapi\.json|docs(\/.*)?)$/;

/** Agents bring tokens of their own. */
const agentPaths = /^\/api\/internal\//;

/** Lets in agents. */
export interface AgentEntrance {
  enter(request: Request, response: Response): Promise<void>;
}

/** Express middleware: who asks, and whether he has asked too much, is known before anything of the request's body is read. */
export function authentication(authenticator: Authenticator, agents: AgentEntrance, limits: RequestLimits) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (openPaths.test(request.path)) return next();
    if (agentPaths.test(request.path)) return void agents.enter(request, response).then(() => next(), next);
    const admitted = authenticator.authenticate(request.get('Authorization'), () => limits.enterUnknown(request, response)).then((caller) => {
      // Before it may be refused: the record says who asked too much.
      identify(request, caller);
      limits.enter(caller, request, response);
    });
    admitted.then(() => next(), next);
  };
}

/** Lets a caller through to a route that its scopes allow, and to an object that it may know of. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(ObjectOwners) private readonly owners: ObjectOwners,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const asked = this.reflector.getAllAndOverride<Requirement | undefined>(requirement, [execution.getHandler(), execution.getClass()]);
    if (asked === 'open') return true;
    if (asked === undefined) throw new Error(`${execution.getClass().name}.${execution.getHandler().name} does not say what it asks of its callers`);
    if (asked.agents) return true; // The guard of agents decides.
    const request = execution.switchToHttp().getRequest<Request>();
    const caller = callerOf(request);
    if (caller === undefined) throw new Error(`nobody was asked who he is at ${request.path}`);
    admit(request, caller, asked.scope);
    requireScope(caller, asked.scope, 'this');
    const { id } = request.params;
    // What no id looks like is told by the route.
    if (asked.of === undefined || typeof id !== 'string' || !isId(id)) return true;
    const target = await this.owners.ownerOf(asked.of, id, caller);
    const decision = target && decide(caller, asked.scope, target);
    // Before anything of the request is looked at: what is wrong with it would be told of one of the two only.
    if (decision === undefined || (!decision.allowed && decision.reason === 'foreign')) throw this.owners.missing(asked.of, id);
    if (!decision.allowed) throw new ApiProblem('forbidden', `${asked.of} ${id} is shared; only those who run Berth change it`, { members: { scope: asked.scope } });
    return true;
  }
}

function isId(text: string): boolean {
  return /^[A-Za-z0-9-]{1,64}$/.test(text);
}
