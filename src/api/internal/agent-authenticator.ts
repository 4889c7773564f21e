import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Caller } from '../../domain/principal';
import { agentScopes } from '../../domain/scopes';
import { sha256Hex } from '../../hash';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import type { WorkerEntries } from '../../stores/etcd/objects';
import { unauthenticated } from '../access/unauthenticated';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { bearerTokenOf } from '../http/bearer';
import { identify } from '../http/context';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { RequestLimits } from '../limits/request-limits';

const agents = new WeakMap<Request, WorkerEntries>();

/** The worker whose agent asks; undefined where no agent does. */
export function agentWorkerOf(request: Request): WorkerEntries | undefined {
  return agents.get(request);
}

/** Finds out which worker's agent sends a request, by the token of that worker. */
@Injectable()
export class AgentAuthenticator {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(RequestLimits) private readonly limits: RequestLimits,
  ) {}

  /** Counts the request, too. Throws `unauthenticated`, `forbidden`, and what the limits refuse it by. */
  async enter(request: Request, response: Response): Promise<void> {
    const onUnknown = () => this.limits.enterUnknown(request, response);
    const tokenHash = tokenHashOf(request, onUnknown);
    const [, id] = workerPath.exec(request.path) ?? [];
    const worker = id === undefined ? await this.whoever(tokenHash, onUnknown) : await this.named(id, tokenHash, request, onUnknown);
    agents.set(request, worker);
    const caller = agentOf(worker);
    identify(request, caller);
    this.limits.enter(caller, request, response);
  }

  /** The named worker. The cache may not have heard yet of a token that was made a moment ago, so it only ever says yes. */
  private async named(workerId: string, tokenHash: string, request: Request, onUnknown: () => void): Promise<WorkerEntries> {
    const { cached, fresh } = this.dependencies;
    const known = cached.worker(workerId);
    if (known && hasToken(known, tokenHash)) return known;
    onUnknown();
    const present = await fresh.worker(workerId).catch(orUndefined);
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

/** What who brings no token of an agent is told. */
export const agentsOnly = "the token of a worker's agent is asked for";

/** Most requests name their worker, of whom there may be a thousand. */
const workerPath = /^\/api\/internal\/v1\/workers\/([A-Za-z0-9-]{1,64})\//;

function tokenHashOf(request: Request, onUnknown: () => void): string {
  const token = bearerTokenOf(request.get('Authorization'));
  if (token === undefined) onUnknown();
  if (token === undefined) throw unauthenticated(agentsOnly);
  return sha256Hex(token);
}

function orUndefined(error: unknown): undefined {
  if (!(error instanceof ObjectNotFoundError)) throw error;
}
