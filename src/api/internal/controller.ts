import { Body, Controller, Get, HttpCode, Inject, Post, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiNoContentResponse, ApiOperation, ApiParam, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { HeartbeatRequest, ObservationsRequest, ObservationsResponse, RegisterRequest, RegisterResponse } from '../../domain/plan';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Requires } from '../access/requires';
import { Answers } from '../http/answer';
import { Problems } from '../http/docs';
import { ApiProblem } from '../http/problem';
import { streamedEvent } from '../http/streamed-event';
import { hasToken } from './agent-authenticator';
import { AgentGuard, AgentWorker } from './agent-guard';
import { Observations } from './observations';
import { streamPlan } from './plan-stream';
import { AgentRegistration } from './registration';
import { heartbeatRequest, observationsRequest, observationsResponse, registerRequest, registerResponse } from './schemas';

/** `/api/internal/v1/workers/{id}`: what agents speak to, and nobody else. */
@ApiTags('internal')
@ApiBearerAuth('agent')
@UseGuards(AgentGuard)
@Problems('unauthenticated', 'forbidden', 'rate_limited', 'too_many_requests_in_flight', 'invalid_request', 'dependency_unavailable')
@ApiParam({ name: 'id', description: 'Id of the worker.' })
@Controller('api/internal/v1/workers/:id')
export class AgentController {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(AgentRegistration) private readonly registration: AgentRegistration,
    @Inject(Observations) private readonly observations: Observations,
  ) {}

  @Post('register')
  @Requires('observations:write', { agents: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Say that the agent is there, and on what host' })
  @ApiResponse({ status: 200, standardSchema: registerResponse })
  @Answers(registerResponse)
  @Problems('conflict', 'newer_version')
  register(@Body({ schema: registerRequest }) request: RegisterRequest, @AgentWorker() worker: WorkerEntries): Promise<RegisterResponse> {
    return this.registration.register(worker, request);
  }

  @Post('heartbeat')
  @Requires('observations:write', { agents: true })
  @HttpCode(204)
  @ApiOperation({ summary: 'Say that the agent is still there' })
  @ApiNoContentResponse({ description: 'The lease was renewed.' })
  @Problems('lease_lost')
  heartbeat(@Body({ schema: heartbeatRequest }) request: HeartbeatRequest, @AgentWorker() worker: WorkerEntries): Promise<void> {
    return this.registration.heartbeat(worker, request);
  }

  @Get('plan')
  @Requires('plan:follow', { agents: true })
  @ApiOperation({ summary: 'Follow the plan: Server-Sent Events snapshot, entry and removed' })
  @ApiProduces('text/event-stream')
  @ApiResponse({ status: 200, description: 'A stream that does not end by itself.', schema: streamedEvent(['snapshot', 'entry', 'removed']) })
  plan(@AgentWorker() worker: WorkerEntries, @Res() response: Response): void {
    const { cache, cached, epochs } = this.dependencies;
    if (!cache.current) throw new ApiProblem('dependency_unavailable', 'this server does not follow etcd at the moment', { members: { dependency: 'etcd' } });
    const { agentTokenHash = '' } = worker.status.value;
    const isAllowed = () => {
      const known = cached.worker(worker.id);
      // A cache that has not seen the token yet has not seen it taken away.
      return known === undefined || known.status.revision < worker.status.revision || hasToken(known, agentTokenHash);
    };
    streamPlan(response, { cache, cached, epochs, workerId: worker.id, isAllowed });
  }

  @Post('observations')
  @Requires('observations:write', { agents: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Say what was seen of allocations' })
  @ApiResponse({ status: 200, standardSchema: observationsResponse })
  @Answers(observationsResponse)
  @Problems('conflict', 'commit_uncertain', 'newer_version')
  async observe(@Body({ schema: observationsRequest }) request: ObservationsRequest, @AgentWorker() worker: WorkerEntries): Promise<ObservationsResponse> {
    // The ports first, so that who retries elsewhere knows of them; that they cannot be recorded keeps no observation back.
    const [ports] = await Promise.allSettled([request.hostPorts && this.registration.observePorts(worker, request.hostPorts)]);
    const recorded = await this.observations.record(worker, request.observations);
    if (ports.status === 'rejected') throw ports.reason;
    return recorded;
  }
}
