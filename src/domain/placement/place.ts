import { placementReasonsMax } from '../limits';
import { choosePortsIn } from '../port-choice';
import type { FleetWorker, PlacementRequest } from './fleet';
import { afterPlacing, emptiedWorker, PlacementFaultError, portViewOf } from './fleet';
import type { Objection } from './rules';
import { placementRules } from './rules';
import { score } from './score';

/** Where an instance goes, and with which ports. */
export interface Placement {
  readonly workerId: string;
  /** Port name → number. */
  readonly ports: Readonly<Record<string, number>>;
  /** How full the worker is then, from 0 to 1. */
  readonly score: number;
}

/** Why one worker was not taken. */
export interface WorkerReason extends Objection {
  readonly workerId: string;
}

/** Nobody can hold it now. */
export interface PlacementRefusal {
  /** By worker id; at most `placementReasonsMax` of them. */
  readonly refused: readonly WorkerReason[];
  /** One sentence over all workers, also those whose reasons were cut. */
  readonly message: string;
  /** Whether a worker of one of these kinds could hold it if it were up and empty; if not, waiting does not help. */
  readonly everPossible: boolean;
}

/** What became of a queue, each part in the queue's order. */
export interface QueuePlacement {
  readonly assignments: ReadonlyArray<Placement & { readonly instanceId: string }>;
  readonly refusals: ReadonlyArray<PlacementRefusal & { readonly instanceId: string }>;
}

/** Finds the place for one request: the preferred worker if it fits, else the fullest that does, else the smallest id. */
export function place(request: PlacementRequest, fleet: readonly FleetWorker[]): Placement | PlacementRefusal {
  const reasons: WorkerReason[] = [];
  let best: Candidate | undefined;
  for (const worker of fleet) {
    const reason = reasonAgainst(request, worker);
    if (reason) {
      // Nobody is told of workers, nor of how many, that are another org's.
      if (reason.code !== 'WorkerOfAnotherOrg') reasons.push(reason);
      continue;
    }
    const candidate = { worker, preferred: worker.id === request.preferredWorkerId, score: score(request, worker) };
    if (!best || isBetter(candidate, best)) best = candidate;
  }
  return best ? placed(request, best) : refusal(request, fleet, reasons);
}

/**
 * Places a queue: higher priority first, then older, then by id. Each assignment takes from the fleet that
 * the later ones see. What finds no place keeps nobody behind it waiting.
 */
export function placeAll(requests: readonly PlacementRequest[], fleet: readonly FleetWorker[]): QueuePlacement {
  const assignments: Array<QueuePlacement['assignments'][number]> = [];
  const refusals: Array<QueuePlacement['refusals'][number]> = [];
  const current = new Map(fleet.map((worker) => [worker.id, worker]));
  for (const request of [...requests].sort(inQueueOrder)) {
    const { instanceId } = request;
    const result = place(request, [...current.values()]);
    if ('refused' in result) {
      refusals.push({ instanceId, ...result });
      continue;
    }
    assignments.push({ instanceId, ...result });
    current.set(result.workerId, afterPlacing(current.get(result.workerId)!, request, result.ports));
  }
  return { assignments, refusals };
}

/** Whether a worker of this kind could hold the request if it were up and empty. */
export function couldEverHold(request: PlacementRequest, worker: FleetWorker): boolean {
  return reasonAgainst(request, emptiedWorker(worker)) === undefined;
}

/** The order of a queue, for `sort`. */
export function inQueueOrder(one: PlacementRequest, other: PlacementRequest): number {
  return (
    other.priority - one.priority ||
    compareText(one.createdAt, other.createdAt) ||
    compareText(one.instanceId, other.instanceId)
  );
}

interface Candidate {
  readonly worker: FleetWorker;
  readonly preferred: boolean;
  readonly score: number;
}

function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.preferred !== other.preferred) return one.preferred;
  if (one.score !== other.score) return one.score > other.score;
  return one.worker.id < other.worker.id;
}

function reasonAgainst(request: PlacementRequest, worker: FleetWorker): WorkerReason | undefined {
  for (const rule of placementRules) {
    const objection = rule(request, worker);
    if (objection) return { workerId: worker.id, code: objection.code, message: objection.message };
  }
  return undefined;
}

function placed(request: PlacementRequest, { worker, score }: Candidate): Placement {
  const chosen = choosePortsIn(portViewOf(worker), request.ports, request.instanceId);
  if ('refused' in chosen) throw new PlacementFaultError(worker, request, chosen.refused.message);
  return { workerId: worker.id, ports: chosen.ports, score };
}

function refusal(
  request: PlacementRequest,
  fleet: readonly FleetWorker[],
  reasons: readonly WorkerReason[],
): PlacementRefusal {
  const byWorker = [...reasons].sort((one, other) => compareText(one.workerId, other.workerId));
  return {
    refused: byWorker.slice(0, placementReasonsMax),
    message: summary(reasons),
    everPossible: fleet.some((worker) => couldEverHold(request, worker)),
  };
}

/** `0 of 3 workers can hold it: NotEnoughMemory on 2, WorkerPaused on 1`, most frequent first. */
function summary(reasons: readonly WorkerReason[]): string {
  if (reasons.length === 0) return 'there are no workers';
  const counts = new Map<string, number>();
  for (const { code } of reasons) counts.set(code, (counts.get(code) ?? 0) + 1);
  const listed = [...counts]
    .sort(([one, ones], [other, others]) => others - ones || compareText(one, other))
    .map(([code, count]) => `${code} on ${count}`);
  return `0 of ${reasons.length} workers can hold it: ${listed.join(', ')}`;
}

/** By code unit: the same order in every locale. */
function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
