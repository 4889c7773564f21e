import type { LifecycleKind } from '../domain/answer';
import { repairAfterMs, repairsPerSecondMax } from '../domain/limits';
import { instanceNeedsLifecycle, workerNeedsLifecycle } from '../domain/needs-lifecycle';
import { pause } from '../pause';
import type { CachedObjects } from '../stores/etcd/objects';
import { resourceVersion } from '../stores/etcd/objects';
import type { Term } from '../stores/etcd/leadership';
import { viewOf, workerViewOf } from '../stores/etcd/views';

export interface RepairerDependencies {
  readonly cached: CachedObjects;
  readonly nudge: (kind: LifecycleKind, id: string) => void;
  readonly engine: EngineMemory;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** What the engine knows of us, and how it is taught anew after its database was lost. */
export interface EngineMemory {
  /** False from when the engine's database is lost until `complete`. */
  isThere(): Promise<boolean>;
  /** Makes the engine ready to hold lifecycles. */
  prepare(): Promise<void>;
  /** Starts an object's lifecycle, or nudges the one that runs; false when the engine did not take it. */
  restore(kind: LifecycleKind, id: string): Promise<boolean>;
  /** Says that everything alive has its lifecycle. */
  complete(): Promise<void>;
}

const roundIntervalMs = 1_000;
const engineCheckEveryRounds = 10;

interface Candidate {
  readonly kind: LifecycleKind;
  readonly id: string;
  readonly version: number;
  readonly due: boolean;
  readonly alive: boolean;
}

/**
 * Nudges what has been due for a while without anybody attending to it, at a bounded rate. It is what makes a lost
 * nudge cost seconds. If the engine has lost its memory, everything alive is due.
 */
export async function leadRepair(dependencies: RepairerDependencies, term: Term): Promise<void> {
  const dueSince = new Map<string, { version: number; sinceMs: number }>();
  let nextCheck = 0;
  for (let round = 0; !term.signal.aborted; round++) {
    // One that did not answer is asked again at once: for as long as it knows nothing of us nobody attends to anything.
    if (round >= nextCheck) nextCheck = (await restoreEngine(dependencies, term)) === 'unanswered' ? round + 1 : round + engineCheckEveryRounds;
    const chosen = unattended(everyObject(dependencies.cached, Date.now()), dueSince, Date.now());
    for (const batch of inBatches(chosen, repairsPerSecondMax)) {
      for (const { kind, id } of batch) dependencies.nudge(kind, id);
      await pause(roundIntervalMs, term.signal);
      if (term.signal.aborted) return;
    }
    if (chosen.length === 0) await pause(roundIntervalMs, term.signal);
  }
}

/**
 * Gives everything alive its lifecycle again after the engine's database was lost. Only when the engine has taken the
 * last one does it count as knowing us: else a leader that dies half-way, or an engine that goes away again, would
 * leave the rest without anybody who looks after them.
 */
async function restoreEngine({ engine, cached, onProblem }: RepairerDependencies, term: Term): Promise<'answered' | 'unanswered'> {
  try {
    if (await engine.isThere()) return 'answered';
    await engine.prepare();
    const alive = everyObject(cached, Date.now()).filter((candidate) => candidate.alive);
    if (alive.length > 0) onProblem(`the engine knows nothing of us, giving ${alive.length} objects their lifecycles anew`, undefined);
    for (const batch of inBatches(alive, repairsPerSecondMax)) {
      const taken = await Promise.all(batch.map(({ kind, id }) => engine.restore(kind, id)));
      if (term.signal.aborted || taken.includes(false)) return 'answered'; // At the next check all over again.
      await pause(roundIntervalMs, term.signal);
    }
    await engine.complete();
    return 'answered';
  } catch (cause) {
    onProblem('the engine does not answer', cause);
    return 'unanswered';
  }
}

function unattended(candidates: readonly Candidate[], dueSince: Map<string, { version: number; sinceMs: number }>, nowMs: number): Candidate[] {
  const seen = new Set<string>();
  const chosen = candidates.filter(({ kind, id, version, due }) => {
    if (!due) return false;
    const name = `${kind}/${id}`;
    seen.add(name);
    const known = dueSince.get(name);
    if (known?.version !== version) {
      dueSince.set(name, { version, sinceMs: nowMs });
      return false;
    }
    if (nowMs - known.sinceMs < repairAfterMs) return false;
    dueSince.set(name, { version, sinceMs: nowMs });
    return true;
  });
  for (const name of dueSince.keys()) if (!seen.has(name)) dueSince.delete(name);
  return chosen;
}

function everyObject(cached: CachedObjects, nowMs: number): Candidate[] {
  return [
    ...cached.instances().map((entries) => ({
      kind: 'Instance' as const,
      id: entries.id,
      version: resourceVersion(entries.spec, entries.status, entries.observed),
      due: instanceNeedsLifecycle(viewOf(entries), nowMs),
      alive: entries.status.value.phase !== 'TERMINATED',
    })),
    ...cached.workers().map((entries) => ({
      kind: 'Worker' as const,
      id: entries.id,
      version: resourceVersion(entries.spec, entries.status, entries.lease),
      due: workerNeedsLifecycle(workerViewOf(entries), nowMs),
      alive: entries.status.value.phase !== 'TERMINATED',
    })),
  ];
}

function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
