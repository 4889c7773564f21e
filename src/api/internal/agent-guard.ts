import { timingSafeEqual } from 'node:crypto';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { createParamDecorator, Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Caller } from '../../domain/principal';
import { agentScopes } from '../../domain/scopes';
import { sha256Hex } from '../../hash';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { identify } from '../http/context';
import { unauthenticated } from '../access/unauthenticated';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { RequestLimits } from '../limits/request-limits';

const agents = new WeakMap<Request, WorkerEntries>();

/** Parameter decorator: the worker whose agent asks, as the guard saw it. */
export const AgentWorker = createParamDecorator((_data: unknown, execution: ExecutionContext): WorkerEntries => {
  return agents.get(execution.switchToHttp().getRequest<Request>())!;
});

/** Lets an agent in by the token of its worker, and to that worker's routes only. */
@Injectable()
export class AgentGuard implements CanActivate {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(RequestLimits) private readonly limits: RequestLimits,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const request = execution.switchToHttp().getRequest<Request>();
    const response = execution.switchToHttp().getResponse<Response>();
    const onUnknown = () => this.limits.enterUnknown(request, response);
    const tokenHash = tokenHashOf(request, onUnknown);
    const { id } = request.params;
    const worker = typeof id === 'string' ? await this.named(id, tokenHash, request, onUnknown) : await this.whoever(tokenHash, onUnknown);
    agents.set(request, worker);
    identify(request, agentOf(worker));
    this.limits.enter(agentOf(worker), request, response);
    return true;
  }

  /** The named worker. The cache may not have heard yet of a token that was made a moment ago, so it only ever says yes. */
  private async named(workerId: string, tokenHash: string, request: Request, onUnknown: () => void): Promise<WorkerEntries> {
    const { cached, fresh } = this.dependencies;
    const known = cached.worker(workerId);
    if (known && hasToken(known, tokenHash)) return known;
    onUnknown();
    const present = isId(workerId) ? await fresh.worker(workerId).catch(orUndefined) : undefined;
    if (present && hasToken(present, tokenHash)) return present;
    const other = this.find(tokenHash);
    if (other) identify(request, agentOf(other));
    if (other) throw new ApiProblem('forbidden', 'the token belongs to another worker');
    throw unauthenticated(agentsOnly);
  }

  private async whoever(tokenHash: string, onUnknown: () => void): Promise<WorkerEntries> {
    const known = this.find(tokenHash);
    if (known) return known;
    onUnknown();
    await this.reads.upToPresent();
    const present = this.find(tokenHash);
    if (!present) throw unauthenticated(agentsOnly);
    return present;
  }

  private find(tokenHash: string): WorkerEntries | undefined {
    return this.dependencies.cached.workers().find((worker) => hasToken(worker, tokenHash));
  }
}

/** An agent as the log and the audit name it. */
function agentOf({ id, spec }: WorkerEntries): Caller {
  return { id, type: 'worker', name: spec.value.name, org: spec.value.org, scopes: new Set(agentScopes), credential: 'agent' };
}

/** Whether this is still the token of the worker's agent. */
export function hasToken(worker: WorkerEntries, tokenHash: string): boolean {
  const { agentTokenHash } = worker.status.value;
  if (agentTokenHash === undefined || agentTokenHash.length !== tokenHash.length) return false;
  return timingSafeEqual(Buffer.from(agentTokenHash), Buffer.from(tokenHash));
}

function tokenHashOf(request: Request, onUnknown: () => void): string {
  const [, token] = /^Bearer ([\x21-\x7e]{1,512})$/.exec(request.get('Authorization') ?? '') ?? [];
  if (token === undefined) onUnknown();
  if (token === undefined) throw unauthenticated(agentsOnly);
  return sha256Hex(token);
}

const agentsOnly = "the token of a worker's agent is asked for";

function isId(text: string): boolean {
  return /^[A-Za-z0-9-]{1,64}$/.test(text);
}

function orUndefined(error: unknown): undefined {
  if (!(error instanceof ObjectNotFoundError)) throw error;
}
