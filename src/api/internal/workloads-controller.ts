import { Controller, Get, Header, Inject, Param, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Workload } from '../../domain/workload';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Requires } from '../access/requires';
import { Problems } from '../http/docs';
import { ApiProblem } from '../http/problem';
import { AgentGuard, AgentWorker } from './agent-guard';
import { workloadHash } from './schemas';

/** `/api/internal/v1/workloads`: what agents are to run, each fetched once. */
@ApiTags('internal')
@ApiBearerAuth('agent')
@UseGuards(AgentGuard)
@Controller('api/internal/v1/workloads')
export class WorkloadsController {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Sent as it is stored: the agent checks it against its hash. */
  @Get(':sha256')
  @Requires('workloads:read', { agents: true })
  @Header('Content-Type', 'application/json')
  @ApiOperation({ summary: 'Fetch a workload that the plan names' })
  @ApiResponse({ status: 200, description: 'The workload.', schema: { type: 'object' } })
  @Problems('invalid_request', 'unauthenticated', 'rate_limited', 'too_many_requests_in_flight', 'workload_not_found', 'dependency_unavailable')
  async workload(@Param('sha256', { schema: workloadHash }) hash: string, @AgentWorker() worker: WorkerEntries): Promise<Workload> {
    // This server may not have seen yet what another one has streamed to the agent.
    const named = names(worker, hash) || names(await this.dependencies.fresh.worker(worker.id), hash);
    if (!named) throw new ApiProblem('workload_not_found', `the plan of worker ${worker.id} names no workload ${hash}`);
    return this.dependencies.workloads.get(hash);
  }
}

function names({ plan }: WorkerEntries, hash: string): boolean {
  return [...plan.values()].some(({ value }) => value.workloadHash === hash);
}
