import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical-json';
import type { PlannedEntry } from '../domain/plan';
import type { Workload } from '../domain/workload';
import { isPathSegment } from '../drivers/runtimes/host-directory';
import { RuntimeFailure } from '../drivers/runtimes/runtime';
import type { AgentStore } from './agent-store';
import { Backoff, sleep } from './cancellation';
import { ControlPlaneRefusal, type ControlPlane } from './control-plane';

/** Workload documents: fetched once, checked against the hash that names them, kept on disk. */
export class Workloads {
  constructor(
    private readonly store: AgentStore,
    private readonly controlPlane: Pick<ControlPlane, 'workload'>,
  ) {}

  /** From disk, or else from the control plane for as long as it takes. Rejects with a RuntimeFailure if it is unusable. */
  async fetch(entry: PlannedEntry, signal: AbortSignal): Promise<Workload> {
    const hash = entry.workloadHash;
    const stored = await this.find(hash);
    if (stored) return requireUsable(stored, entry.instanceId);

    const document = await this.download(hash, signal);
    const text = canonicalJson(document);
    if (sha256(text) !== hash) {
      throw new RuntimeFailure('transient', 'WorkloadCorrupt', `the workload document is not the one with hash ${hash}`);
    }
    await this.store.saveWorkload(hash, text);
    return requireUsable(document as Workload, entry.instanceId);
  }

  /** What is on disk, undefined if it is not there or not whole. */
  async find(hash: string): Promise<Workload | undefined> {
    const text = await this.store.readWorkload(hash);
    return text !== undefined && sha256(text) === hash ? (JSON.parse(text) as Workload) : undefined;
  }

  private async download(hash: string, signal: AbortSignal): Promise<unknown> {
    for (const backoff = new Backoff(); ; ) {
      try {
        return await this.controlPlane.workload(hash, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ControlPlaneRefusal && error.status === 404) {
          throw new RuntimeFailure('transient', 'WorkloadNotFound', `there is no workload document with hash ${hash}`, { cause: error });
        }
        await sleep(backoff.next(), signal);
        signal.throwIfAborted();
      }
    }
  }
}

/** The hash says that the document is the one that was planned; this says that it can be acted on. */
function requireUsable(workload: Workload, instanceId: string): Workload {
  const refuse = (what: string): RuntimeFailure => new RuntimeFailure('configuration', 'WorkloadInvalid', `workload document: ${what}`);
  if (workload.schemaVersion !== 1) throw refuse(`schema version ${String(workload.schemaVersion)} is not known`);
  if (workload.instanceId !== instanceId) throw refuse(`is of another instance, ${workload.instanceId}`);
  const names = workload.components.map((component) => component.name);
  const unusable = names.find((name) => !isPathSegment(name));
  if (unusable !== undefined) throw refuse(`unusable component name ${JSON.stringify(unusable)}`);
  if (new Set(names).size !== names.length) throw refuse('two components have the same name');
  return workload;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
