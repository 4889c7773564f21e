import { Inject, Injectable } from '@nestjs/common';
import { emptyCapacity } from '../../domain/capacity';
import type { FleetWorker, PlacementRequest } from '../../domain/placement';
import { couldEverHold, place } from '../../domain/placement';
import { emptyPorts } from '../../domain/ports';
import type { WorkerSpec, WorkerTemplateSpec } from '../../domain/worker';
import type { Entry } from '../../stores/etcd/client';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** Refuses what no worker that is known, or could be made, would hold even if it were empty. */
@Injectable()
export class Placeability {
  /** What placement derives from a worker is kept with it, so the same one is handed in while its spec is the same. */
  private readonly atBest = new WeakMap<Entry<WorkerSpec | WorkerTemplateSpec>, FleetWorker>();

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  refuseImpossible(request: PlacementRequest): void {
    const { cached } = this.dependencies;
    const templates = cached.templates().map(({ spec }) => this.bestOf(spec));
    // A worker may be given any labels when it is made, so a template is judged by its size alone.
    const ofAnyLabels = { ...request, constraints: { labels: {} } };
    if (templates.some((template) => couldEverHold(ofAnyLabels, template))) return;
    const workers = cached.workers().filter(({ spec, status }) => spec.value.intent === 'running' && status.value.phase !== 'FAILED');
    const kinds = [...templates, ...workers.map(({ spec }) => this.bestOf(spec))];
    if (kinds.length === 0 || kinds.some((kind) => couldEverHold(request, kind))) return;
    throw unplaceable(request, kinds);
  }

  /** A worker, or one made from a template, as it would be if it were up and empty. */
  private bestOf(entry: Entry<WorkerSpec | WorkerTemplateSpec>): FleetWorker {
    const known = this.atBest.get(entry);
    if (known) return known;
    const spec = entry.value;
    const best: FleetWorker = {
      id: spec.kind === 'WorkerTemplate' ? `template ${spec.name}` : spec.id,
      phase: 'RUNNING',
      intent: 'running',
      paused: false,
      labels: spec.kind === 'WorkerTemplate' ? spec.workerLabels : spec.labels,
      online: true,
      capacity: emptyCapacity(spec.capacity),
      cpuRatio: spec.cpuRatio,
      ports: emptyPorts(spec.portRange),
      hostPorts: [],
    };
    this.atBest.set(entry, best);
    return best;
  }
}

function unplaceable(request: PlacementRequest, kinds: readonly FleetWorker[]): ApiProblem {
  const placement = place(request, kinds);
  const reasons = 'refused' in placement ? placement.refused : [];
  const told = reasons.map(({ workerId, code, message }) => ({ candidate: workerId, code, message }));
  const [first] = told;
  const detail = first ? `no known worker or template could ever hold it: ${first.candidate} ${first.message}` : 'no known worker or template could ever hold it';
  return new ApiProblem('unplaceable', detail, { members: { reasons: told } });
}
