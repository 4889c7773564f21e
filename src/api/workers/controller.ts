import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { RollbackRequest } from '../history/schemas';
import { rollbackRequest } from '../history/schemas';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ProblemCode } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import { Instances } from '../instances/instances';
import type { InstanceDocument } from '../instances/schemas';
import { instancePage } from '../instances/schemas';
import { belongingProblems } from '../belonging';
import { WorkerAdmission } from './admit-worker';
import { WorkerChanges } from './change-worker';
import type {
  CapacityView,
  ChangedWorkerDocument,
  ChangeWorkerQuery,
  CreateWorker,
  GetWorkerQuery,
  ListWorkersQuery,
  PatchWorker,
  PortsView,
  WorkerDocument,
  WorkerInstancesQuery,
  WorkerWaitQuery,
} from './schemas';
import {
  capacityView,
  changedWorkerView,
  changeWorkerQuery,
  createWorker,
  getWorkerQuery,
  listWorkersQuery,
  patchWorker,
  portsView,
  workerInstancesQuery,
  workerPage,
  workerView,
  workerWaitQuery,
} from './schemas';
import { Workers } from './workers';
const changeProblems: readonly ProblemCode[] = ['worker_not_found', 'invalid_transition', 'command_pending', 'wait_impossible', 'wait_timeout'];

/** `/api/v1/workers`: hosts that hold instances. */
@ApiTags('workers')
@Controller('api/v1/workers')
export class WorkersController {
  constructor(
    @Inject(Workers) private readonly workers: Workers,
    @Inject(WorkerAdmission) private readonly admission: WorkerAdmission,
    @Inject(WorkerChanges) private readonly changes: WorkerChanges,
    @Inject(Instances) private readonly instances: Instances,
  ) {}

  @Post()
  @Mutates({
    scope: 'workers:write',
    summary: 'Ask for a worker from a template',
    status: 201,
    answer: workerView,
    newWork: true,
    problems: ['template_not_found', ...belongingProblems, 'wait_impossible', 'wait_timeout'],
  })
  async create(
    @Body({ schema: createWorker }) request: CreateWorker,
    @Query({ schema: workerWaitQuery }) query: WorkerWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<WorkerDocument>> {
    return this.workers.answer(await this.admission.create(request, context), query, context);
  }

  @Get()
  @ReadsOnly({ scope: 'workers:read', summary: 'List workers, oldest first', answer: workerPage, consistency: 'eventual' })
  list(@Query({ schema: listWorkersQuery }) query: ListWorkersQuery, @Context() context: RequestContext): Promise<Page<WorkerDocument>> {
    return this.workers.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({
    scope: 'workers:read',
    of: 'Worker',
    summary: 'Show a worker, at once or when it has come to a phase',
    answer: workerView,
    consistency: 'read-your-writes',
    problems: ['worker_not_found', 'wait_impossible', 'wait_timeout'],
  })
  get(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: getWorkerQuery }) query: GetWorkerQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<WorkerDocument>> {
    return this.workers.get(id, query, context);
  }

  @Get(':id/capacity')
  @ReadsOnly({ scope: 'workers:read', of: 'Worker', summary: 'Show what it has, has promised and can still promise', answer: capacityView, consistency: 'read-your-writes', problems: ['worker_not_found'] })
  capacity(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: readQuery }) query: ReadQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<CapacityView>> {
    return this.workers.capacity(id, query, context);
  }

  @Get(':id/ports')
  @ReadsOnly({ scope: 'workers:read', of: 'Worker', summary: 'Show who holds which of its ports', answer: portsView, consistency: 'read-your-writes', problems: ['worker_not_found'] })
  ports(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: readQuery }) query: ReadQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<PortsView>> {
    return this.workers.ports(id, query, context);
  }

  @Get(':id/instances')
  @ReadsOnly({ scope: 'workers:read', of: 'Worker', summary: 'List the instances that are placed on it', answer: instancePage, consistency: 'eventual', problems: ['worker_not_found'] })
  async placed(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: workerInstancesQuery }) query: WorkerInstancesQuery,
    @Context() context: RequestContext,
  ): Promise<Page<InstanceDocument>> {
    await this.workers.requireWorker(id);
    return this.instances.list({ ...query, worker: id, archived: false }, context);
  }

  @Patch(':id')
  @ApiConsumes('application/merge-patch+json', 'application/json')
  @Mutates({
    scope: 'workers:write',
    of: 'Worker',
    summary: 'Change what may be changed of it (JSON merge patch), or see what that would change',
    status: 200,
    answer: changedWorkerView,
    ifMatch: true,
    takesBody: true,
    problems: changeProblems,
  })
  async patch(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: patchWorker }) patch: PatchWorker,
    @Query({ schema: changeWorkerQuery }) query: ChangeWorkerQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedWorkerDocument>> {
    return this.workers.answerChange(await this.changes.patch(id, patch, query.dryRun ?? false, context), query, context);
  }

  @Post(':id/rollback')
  @Mutates({
    scope: 'workers:write',
    of: 'Worker',
    summary: 'Change what may be changed of it back to what it was at a revision, or see what that would change',
    status: 200,
    answer: changedWorkerView,
    ifMatch: true,
    takesBody: true,
    problems: ['snapshot_not_found', 'record_incomplete', ...changeProblems],
  })
  async rollback(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: rollbackRequest }) request: RollbackRequest,
    @Query({ schema: changeWorkerQuery }) query: ChangeWorkerQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedWorkerDocument>> {
    return this.workers.answerChange(await this.changes.rollback(id, request, query.dryRun ?? false, context), query, context);
  }

  @Post(':id/retry')
  @Mutates({
    scope: 'workers:write',
    of: 'Worker',
    summary: 'Provision anew what FAILED',
    status: 202,
    answer: workerView,
    ifMatch: true,
    newWork: true,
    problems: ['worker_not_found', 'invalid_transition', 'command_pending', 'wait_impossible', 'wait_timeout'],
  })
  async retry(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: workerWaitQuery }) query: WorkerWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<WorkerDocument>> {
    return this.workers.answer(await this.admission.act('retry', id, context), query, context);
  }

  @Delete(':id')
  @Mutates({
    scope: 'workers:write',
    of: 'Worker',
    summary: 'Terminate it: it takes no new instances and ends when its last one is gone',
    status: 202,
    answer: workerView,
    ifMatch: true,
    problems: ['worker_not_found', 'wait_impossible', 'wait_timeout'],
  })
  async terminate(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: workerWaitQuery }) query: WorkerWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<WorkerDocument>> {
    return this.workers.answer(await this.admission.act('terminate', id, context), query, context);
  }
}
