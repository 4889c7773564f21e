import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import type { Request } from 'express';
import { problemAt } from '../../domain/problem';
import { ApiProblem } from './problem';

/**
 * Refuses parameters where a route takes none. Those that take some name what they do not know themselves; without this, a
 * misspelt `?dryRun=true` would be passed over by a route that has no dry run, and done.
 */
@Injectable()
export class StrayQueryGuard implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    const { query, path } = execution.switchToHttp().getRequest<Request>();
    const [stray] = Object.keys(query);
    // An agent of another version may send what this one does not know.
    if (stray === undefined || path.startsWith('/api/internal/') || takesQuery(execution)) return true;
    const problem = problemAt([stray], 'no parameters', 'one');
    throw new ApiProblem('invalid_request', problem.message, { errors: [problem] });
  }
}

/** Nest keeps the parameters of a handler by `<type>:<position>`. */
function takesQuery(execution: ExecutionContext): boolean {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, execution.getClass(), execution.getHandler().name) ?? {}) as Readonly<Record<string, unknown>>;
  return Object.keys(parameters).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`) || key.startsWith(`${RouteParamtypes.REQUEST}:`));
}
