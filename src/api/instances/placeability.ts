import { Inject, Injectable } from '@nestjs/common';
import { emptyCapacity } from '../../domain/capacity';
import type { Header } from '../../domain/header';
import { platformOrg } from '../../domain/header';
import { placementReasonsMax } from '../../domain/limits';
import type { FleetWorker, PlacementRequest } from '../../domain/placement';
import { couldEverHold, place } from '../../domain/placement';
import { emptyPorts } from '../../domain/ports';
import type { WorkerSpec, WorkerTemplateSpec } from '../../domain/worker';
import type { Entry } from '../../stores/etcd/client';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** Refuses what no worker that is known and open to its org, or could be made, would hold even if it were empty. */
@Injectable()
export class Placeability {
  /** What placement derives from a worker is kept with it, so the same one is handed in while its spec is the same. */
  private readonly atBest = new WeakMap<Entry<WorkerSpec | WorkerTemplateSpec>, FleetWorker>();

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  refuseImpossible(request: PlacementRequest): void {
    const { cached } = this.dependencies;
    // A worker may be given any labels when it is made, so a template is judged by its size alone.
    const ofAnyLabels = { ...request, constraints: { labels: {} } };
    const isOpen = ({ spec }: { readonly spec: Entry<Header> }) => spec.value.org === platformOrg || spec.value.org === request.org;
    const templates = cached.templates().filter(isOpen).map(({ spec }) => ({ kind: this.bestOf(spec), request: ofAnyLabels }));
    if (templates.some(couldHold)) return;
    const workers = cached
      .workers()
      .filter(isOpen)
      .filter(({ spec, status }) => spec.value.intent === 'running' && status.value.phase !== 'FAILED')
      .map(({ spec }) => ({ kind: this.bestOf(spec), request }));
    const candidates = [...templates, ...workers];
    if (candidates.length > 0 && !workers.some(couldHold)) throw unplaceable(candidates);
  }

  /** A worker, or one made from a template, as it would be if it were up and empty. */
  private bestOf(entry: Entry<WorkerSpec | WorkerTemplateSpec>): FleetWorker {
    const known = this.atBest.get(entry);
    if (known) return known;
    const spec = entry.value;
    const best: FleetWorker = {
      id: spec.kind === 'WorkerTemplate' ? `template ${spec.name}` : spec.id,
      org: spec.org,
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

/** A worker or template, and what is asked of it. */
interface Candidate {
  readonly kind: FleetWorker;
  readonly request: PlacementRequest;
}

function couldHold({ kind, request }: Candidate): boolean {
  return couldEverHold(request, kind);
}

function unplaceable(candidates: readonly Candidate[]): ApiProblem {
  const reasons = candidates.slice(0, placementReasonsMax).flatMap(({ kind, request }) => {
    const placement = place(request, [kind]);
    return 'refused' in placement ? placement.refused : [];
  });
  const told = reasons.map(({ workerId, code, message }) => ({ candidate: workerId, code, message }));
  const detail = `no known worker or template could ever hold it: ${told[0]?.candidate} ${told[0]?.message}`;
  return new ApiProblem('unplaceable', detail, { members: { reasons: told } });
}
