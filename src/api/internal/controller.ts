import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Res, SerializeOptions, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { HeartbeatRequest, ObservationsRequest, ObservationsResponse, RegisterRequest, RegisterResponse } from '../../domain/plan';
import type { Workload } from '../../domain/workload';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Problems } from '../http/docs';
import { ApiProblem } from '../http/problem';
import { AgentGuard, AgentWorker, hasToken } from './agent-guard';
import { Observations } from './observations';
import { streamPlan } from './plan-stream';
import { AgentRegistration } from './registration';
import { heartbeatRequest, observationsRequest, observationsResponse, registerRequest, registerResponse, workloadHash } from './schemas';

/** `/api/internal/v1`: what agents speak to, and nobody else. */
@ApiTags('internal')
@ApiBearerAuth('agent')
@UseGuards(AgentGuard)
@Problems('unauthenticated', 'forbidden', 'invalid_request', 'dependency_unavailable')
@Controller('api/internal/v1')
export class AgentController {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(AgentRegistration) private readonly registration: AgentRegistration,
    @Inject(Observations) private readonly observations: Observations,
  ) {}

  @Post('workers/:id/register')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say that the agent is there, and on what host' })
  @ApiResponse({ status: 200, standardSchema: registerResponse })
  @SerializeOptions({ schema: registerResponse })
  register(@Body({ schema: registerRequest }) request: RegisterRequest, @AgentWorker() worker: WorkerEntries): Promise<RegisterResponse> {
    return this.registration.register(worker, request);
  }

  @Post('workers/:id/heartbeat')
  @HttpCode(204)
  @ApiOperation({ summary: 'Say that the agent is still there' })
  @ApiNoContentResponse({ description: 'The lease was renewed.' })
  @Problems('lease_lost')
  heartbeat(@Body({ schema: heartbeatRequest }) request: HeartbeatRequest, @AgentWorker() worker: WorkerEntries): Promise<void> {
    return this.registration.heartbeat(worker, request);
  }

  @Get('workers/:id/plan')
  @ApiOperation({ summary: 'Follow the plan: Server-Sent Events snapshot, entry and removed' })
  @ApiProduces('text/event-stream')
  @ApiResponse({ status: 200, description: 'A stream that does not end by itself.', schema: { type: 'string' } })
  plan(@AgentWorker() worker: WorkerEntries, @Res() response: Response): void {
    const { cache, cached } = this.dependencies;
    if (!cache.current) throw new ApiProblem('dependency_unavailable', 'this server does not follow etcd at the moment', { members: { dependency: 'etcd' } });
    const { agentTokenHash = '' } = worker.status.value;
    const isAllowed = () => {
      const known = cached.worker(worker.id);
      // A cache that has not seen the token yet has not seen it taken away.
      return known === undefined || known.status.revision < worker.status.revision || hasToken(known, agentTokenHash);
    };
    streamPlan(response, { cache, cached, workerId: worker.id, isAllowed });
  }

  @Post('workers/:id/observations')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say what was seen of allocations' })
  @ApiResponse({ status: 200, standardSchema: observationsResponse })
  @SerializeOptions({ schema: observationsResponse })
  @Problems('conflict', 'commit_uncertain')
  async observe(@Body({ schema: observationsRequest }) request: ObservationsRequest, @AgentWorker() worker: WorkerEntries): Promise<ObservationsResponse> {
    if (request.hostPorts) await this.registration.observePorts(worker, request.hostPorts);
    return this.observations.record(worker, request.observations);
  }

  /** Sent as it is stored: the agent checks it against its hash. */
  @Get('workloads/:sha256')
  @Header('Content-Type', 'application/json')
  @ApiOperation({ summary: 'Fetch a workload that the plan names' })
  @ApiResponse({ status: 200, description: 'The workload.', schema: { type: 'object' } })
  @Problems('workload_not_found')
  async workload(@Param('sha256', { schema: workloadHash }) hash: string, @AgentWorker() worker: WorkerEntries): Promise<Workload> {
    const named = names(worker, hash) || names(await this.dependencies.fresh.worker(worker.id), hash);
    if (!named) throw new ApiProblem('workload_not_found', `the plan of worker ${worker.id} names no workload ${hash}`);
    return this.dependencies.workloads.get(hash);
  }
}

function names({ plan }: WorkerEntries, hash: string): boolean {
  return [...plan.values()].some(({ value }) => value.workloadHash === hash);
}
