import { Inject, Injectable } from '@nestjs/common';
import type { InstanceSpec } from '../../domain/instance';
import type { InstancePatch } from '../../domain/mutable-spec';
import { changeInstance, mutableInstanceFields, mutablePart, patchInstance } from '../../domain/mutable-spec';
import { instanceSpecDecision } from '../../stores/etcd/decisions';
import type { InstanceEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import type { RollbackRequest } from '../history/schemas';
import type { Changed } from '../history/spec-changes';
import { SpecChanges, toldOfRollback } from '../history/spec-changes';
import type { RequestContext } from '../http/context';
import type { PatchInstance } from './schemas';

/** Admits changes of what may be changed of an instance: by a patch, or back to what it was. */
@Injectable()
export class InstanceChanges {
  constructor(
    @Inject(Archive) private readonly archive: Archive,
    @Inject(SpecChanges) private readonly changes: SpecChanges,
  ) {}

  patch(id: string, body: PatchInstance, dryRun: boolean, context: RequestContext): Promise<Changed<InstanceEntries>> {
    const patch = patchOf(body);
    return this.changes.change<InstanceSpec, InstanceEntries>({
      context,
      object: { kind: 'Instance', id },
      body,
      dryRun,
      read: (instanceId) => this.archive.instance(instanceId),
      act: (seen, admission) => patchInstance(patch, viewOf(requireLive(seen)), admission),
      decision: (seen, spec) => instanceSpecDecision(seen, spec, 'patch'),
    });
  }

  async rollback(id: string, body: RollbackRequest, dryRun: boolean, context: RequestContext): Promise<Changed<InstanceEntries>> {
    const object = { kind: 'Instance' as const, id };
    const target = await this.changes.target(object, body);
    const wanted = mutablePart(target.after.spec as InstanceSpec, mutableInstanceFields);
    return this.changes.change<InstanceSpec, InstanceEntries>({
      context,
      object,
      body,
      dryRun,
      read: (instanceId) => this.archive.instance(instanceId),
      act: (seen, admission) => changeInstance(wanted, viewOf(requireLive(seen)), admission),
      decision: (seen, spec) => instanceSpecDecision(seen, spec, 'rollback', toldOfRollback(target)),
    });
  }
}

function viewOf({ spec, status }: InstanceEntries) {
  return { spec: spec.value, status: status.value };
}

function patchOf({ labels, paused, maxDuration, restart, retry }: PatchInstance): InstancePatch {
  return {
    labels,
    paused,
    maxDurationMs: maxDuration,
    ...(restart !== undefined && { restart: { policy: restart } }),
    ...(retry !== undefined && {
      retry: { attemptsMax: retry.maxAttempts, initialBackoffMs: retry.initialBackoff, maxBackoffMs: retry.maxBackoff, factor: retry.factor },
    }),
  };
}
