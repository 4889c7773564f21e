import { Inject, Injectable } from '@nestjs/common';
import { changeWorker, mutablePart, mutableWorkerFields, patchWorker } from '../../domain/mutable-spec';
import type { WorkerSpec } from '../../domain/worker';
import { workerSpecDecision } from '../../stores/etcd/decisions';
import type { WorkerEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import type { RollbackRequest } from '../history/schemas';
import type { Changed } from '../history/spec-changes';
import { SpecChanges, toldOfRollback } from '../history/spec-changes';
import type { RequestContext } from '../http/context';
import type { PatchWorker } from './schemas';

/** Admits changes of what may be changed of a worker: by a patch, or back to what it was. */
@Injectable()
export class WorkerChanges {
  constructor(
    @Inject(Archive) private readonly archive: Archive,
    @Inject(SpecChanges) private readonly changes: SpecChanges,
  ) {}

  patch(id: string, body: PatchWorker, dryRun: boolean, context: RequestContext): Promise<Changed<WorkerEntries>> {
    return this.changes.change<WorkerSpec, WorkerEntries>({
      context,
      object: { kind: 'Worker', id },
      body,
      dryRun,
      read: (workerId) => this.archive.worker(workerId),
      act: (seen, admission) => patchWorker(body, viewOf(requireLive(seen)), admission),
      decision: (seen, spec) => workerSpecDecision(seen, spec, 'patch'),
    });
  }

  async rollback(id: string, body: RollbackRequest, dryRun: boolean, context: RequestContext): Promise<Changed<WorkerEntries>> {
    const object = { kind: 'Worker' as const, id };
    const target = await this.changes.target(object, body);
    const wanted = mutablePart(target.after.spec as WorkerSpec, mutableWorkerFields);
    return this.changes.change<WorkerSpec, WorkerEntries>({
      context,
      object,
      body,
      dryRun,
      read: (workerId) => this.archive.worker(workerId),
      act: (seen, admission) => changeWorker(wanted, viewOf(requireLive(seen)), admission),
      decision: (seen, spec) => workerSpecDecision(seen, spec, 'rollback', toldOfRollback(target)),
    });
  }
}

function viewOf({ spec, status }: WorkerEntries) {
  return { spec: spec.value, status: status.value };
}
