import { workerPhases } from '../../src/domain/phases';
import type { WorkerSpec } from '../../src/domain/worker';
import type { WorkerVerb } from '../../src/domain/worker-admission';
import { actOnWorker } from '../../src/domain/worker-admission';
import { asking, at, newWorker } from '../support/domain-objects';

const command: NonNullable<WorkerSpec['command']> = { id: 'c-1', kind: 'retry', generation: 1 };

function act(verb: WorkerVerb, phase: (typeof workerPhases)[number], spec: Partial<WorkerSpec> = {}, acknowledgedCommand?: string) {
  const worker = newWorker();
  const status = { ...worker.status, phase, ...(acknowledgedCommand !== undefined && { acknowledgedCommand }) };
  return actOnWorker(verb, { spec: { ...worker.spec, ...spec }, status }, asking(5_000, 'c-2'));
}

describe('a new worker', () => {
  it('copies what it needs from its template, and its labels outrank the template\'s', () => {
    const { spec, status } = newWorker('w-7');
    expect(spec).toMatchObject({
      kind: 'Worker',
      id: 'w-7',
      name: 'w-7',
      template: { id: 't-1', name: 'small' },
      intent: 'running',
      provider: 'local',
      capacity: { cpuMillicores: 4000, memoryMib: 4096, storageMib: 10_000 },
      portRange: { from: 2000, to: 2099 },
      labels: { zone: 'a' },
    });
    expect(status).toMatchObject({ phase: 'PENDING', observedGeneration: 1, attempt: 0, undo: [] });
  });
});

describe('a verb on a worker', () => {
  it.each(workerPhases)('retry in %s is accepted only in FAILED', (phase) => {
    expect(act('retry', phase).kind).toBe(phase === 'FAILED' ? 'admitted' : 'refused');
  });

  it.each(workerPhases)('terminate in %s is accepted, and unchanged when asked again', (phase) => {
    expect(act('terminate', phase)).toMatchObject({ kind: 'admitted', spec: { intent: 'terminated', generation: 2, deletionRequestedAt: at(5_000) } });
    expect(act('terminate', phase, { intent: 'terminated' })).toEqual({ kind: 'unchanged' });
    expect(act('retry', phase, { intent: 'terminated' })).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_transition' } });
  });

  it('retry waits for the retry before it; terminate clears that one', () => {
    expect(act('retry', 'FAILED', { command })).toMatchObject({ refusal: { code: 'command_pending' } });
    expect(act('retry', 'FAILED', { command }, 'c-1')).toMatchObject({ spec: { command: { id: 'c-2', generation: 2 } } });
    const terminated = act('terminate', 'FAILED', { command });
    expect(terminated.kind === 'admitted' && terminated.spec).not.toHaveProperty('command');
  });
});
