import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { createParamDecorator, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { WorkerEntries } from '../../stores/etcd/objects';
import { unauthenticated } from '../access/unauthenticated';
import { ApiProblem } from '../http/problem';
import { agentsOnly, agentWorkerOf } from './agent-authenticator';

/** Parameter decorator: the worker whose agent asks, as it was when it was let in. */
export const AgentWorker = createParamDecorator((_data: unknown, execution: ExecutionContext): WorkerEntries => {
  return agentWorkerOf(execution.switchToHttp().getRequest<Request>())!;
});

/** Lets an agent through to its own worker's routes only, however their path is written. */
@Injectable()
export class AgentGuard implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    const request = execution.switchToHttp().getRequest<Request>();
    const worker = agentWorkerOf(request);
    if (worker === undefined) throw unauthenticated(agentsOnly);
    const { id } = request.params;
    if (id !== undefined && id !== worker.id) throw new ApiProblem('forbidden', 'the token belongs to another worker');
    return true;
  }
}
