import { isPathSegment } from '../drivers/runtimes/host-directory';
import type { Epochs } from '../domain/epochs';
import type { PlanFrame, PlannedEntry, PlanPosition, Wanted } from '../domain/plan';
import type { ServerSentEvent } from '../client/event-stream';

const wantedStates: readonly Wanted[] = ['running', 'stopped', 'absent'];

/**
 * A frame of the plan, or undefined for an event that this agent does not know. Throws for a frame that is not as
 * it should be: a plan is merged as it was meant or not at all, and ids become paths.
 */
export function planFrameOf({ event, data }: ServerSentEvent): PlanFrame | undefined {
  if (event === 'entry') return { event, data: requireEntry(JSON.parse(data)) };
  if (event === 'removed') {
    const { allocationId, ...position } = JSON.parse(data) as Record<string, unknown>;
    return { event, data: { allocationId: requireId('allocationId', allocationId), ...requirePosition(position) } };
  }
  if (event === 'snapshot') {
    const { entries, epochs, ...position } = JSON.parse(data) as Record<string, unknown>;
    if (!Array.isArray(entries)) throw new TypeError('a plan snapshot without entries');
    return { event, data: { ...requirePosition(position), ...(epochs !== undefined && { epochs: requireEpochs(epochs) }), entries: entries.map(requireEntry) } };
  }
  return undefined;
}

function requireEntry(value: unknown): PlannedEntry {
  const entry = value as PlannedEntry;
  requireId('allocationId', entry.allocationId);
  requireId('instanceId', entry.instanceId);
  requirePosition({ ...entry });
  if (!Number.isSafeInteger(entry.attempt) || entry.attempt < 0) throw refusal('attempt', entry.attempt);
  if (!wantedStates.includes(entry.wanted)) throw refusal('wanted', entry.wanted);
  if (!/^[0-9a-f]{64}$/.test(entry.workloadHash)) throw refusal('workloadHash', entry.workloadHash);
  return entry;
}

function requireId(name: string, value: unknown): string {
  if (typeof value !== 'string' || !isPathSegment(value)) throw refusal(name, value);
  return value;
}

function requirePosition({ epoch, revision }: Record<string, unknown>): PlanPosition {
  return { ...(epoch !== undefined && { epoch: requireEpoch(epoch) }), revision: requireRevision(revision) };
}

function requireEpochs(value: unknown): Epochs {
  const epochs = value as Epochs;
  requireEpoch(epochs.epoch);
  if (!Array.isArray(epochs.history)) throw refusal('history', epochs.history);
  for (const past of epochs.history as Epochs['history']) {
    requireEpoch(past.epoch);
    requireRevision(past.lastGoodRevision);
  }
  return epochs;
}

function requireEpoch(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw refusal('epoch', value);
  return value as number;
}

function requireRevision(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9]{1,19}$/.test(value)) throw refusal('revision', value);
  return value;
}

function refusal(name: string, value: unknown): TypeError {
  return new TypeError(`a plan frame with an unusable ${name}: ${JSON.stringify(value)}`);
}
