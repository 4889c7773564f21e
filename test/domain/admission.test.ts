import type { InstanceVerb } from '../../src/domain/admission';
import { actOnInstance, instanceVerbs } from '../../src/domain/admission';
import type { InstanceSpec } from '../../src/domain/instance';
import type { InstancePhase } from '../../src/domain/phases';
import { instancePhases } from '../../src/domain/phases';
import { asking, at, newInstance, withSpec, withStatus } from '../support/domain-objects';

/** Written down a second time, so that a change of the source must be meant. */
const acceptedIn: Readonly<Record<InstanceVerb, readonly InstancePhase[]>> = {
  start: ['STOPPING', 'STOPPED'],
  stop: ['SCHEDULED', 'INSTANTIATING', 'RUNNING', 'COLLECTING', 'GRADING'],
  retry: ['FAILED'],
  terminate: [...instancePhases],
};
const verbs = Object.keys(instanceVerbs) as InstanceVerb[];
const command: NonNullable<InstanceSpec['command']> = { id: 'c-1', kind: 'retry', generation: 1 };

function act(verb: InstanceVerb, phase: InstancePhase, spec: Partial<InstanceSpec> = {}, acknowledgedCommand?: string) {
  const view = withStatus(withSpec(newInstance(), spec), { phase, sequence: 7, ...(acknowledgedCommand !== undefined && { acknowledgedCommand }) });
  return actOnInstance(verb, view, asking(5_000, 'c-2'));
}

function admitted(verb: InstanceVerb, phase: InstancePhase, spec: Partial<InstanceSpec> = {}, acknowledgedCommand?: string): InstanceSpec {
  const outcome = act(verb, phase, spec, acknowledgedCommand);
  if (outcome.kind !== 'admitted') throw new Error(JSON.stringify(outcome));
  return outcome.spec;
}

function refusedAs(verb: InstanceVerb, phase: InstancePhase, spec: Partial<InstanceSpec> = {}): string | undefined {
  const outcome = act(verb, phase, spec);
  return outcome.kind === 'refused' ? outcome.refusal.code : undefined;
}

describe('a new instance', () => {
  it('is wanted running, PENDING, and at its first generation', () => {
    const { spec, status } = newInstance({ labels: { a: 'b' } });
    expect(spec).toMatchObject({ kind: 'Instance', id: 'i-1', generation: 1, intent: 'running', intentGeneration: 1, sequence: 1, paused: false, labels: { a: 'b' } });
    expect(spec).not.toHaveProperty('maxDurationMs');
    expect(status).toMatchObject({ phase: 'PENDING', observedGeneration: 1, sequence: 1, attempt: 0, undo: [], restarts: { count: 0 } });
    expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'False', observedGeneration: 1, lastTransitionTime: at(0) }]);
  });
});

describe('a verb on an instance', () => {
  const cells = verbs.flatMap((verb) => instancePhases.map((phase) => [verb, phase, acceptedIn[verb].includes(phase)] as const));

  it.each(cells)('%s in %s is accepted: %s', (verb, phase, accepted) => {
    expect(refusedAs(verb, phase)).toBe(accepted ? undefined : 'invalid_transition');
  });

  it.each(cells.filter(([verb]) => verb !== 'terminate'))('%s in %s is refused once it is to be terminated', (verb, phase) => {
    expect(refusedAs(verb, phase, { intent: 'terminated' })).toBe('invalid_transition');
  });

  it.each(instancePhases)('terminate in %s changes nothing when it is asked for again', (phase) => {
    expect(act('terminate', phase, { intent: 'terminated' })).toEqual({ kind: 'unchanged' });
  });

  it('says where it would have been possible', () => {
    const outcome = act('start', 'RUNNING');
    expect(outcome).toMatchObject({ refusal: { message: 'start is possible in STOPPING, STOPPED; the instance is RUNNING', detail: { phase: 'RUNNING', allowedIn: ['STOPPING', 'STOPPED'] } } });
  });

  it.each([
    ['start', 'STOPPED', 'running'],
    ['stop', 'RUNNING', 'stopped'],
    ['retry', 'FAILED', 'running'],
    ['terminate', 'RUNNING', 'terminated'],
  ] as const)('%s in %s makes the intent %s, in a new generation', (verb, phase, intent) => {
    const spec = admitted(verb, phase, { generation: 4, intentGeneration: 2, sequence: 3 });
    expect(spec).toMatchObject({ intent, generation: 5, intentGeneration: 5, updatedAt: at(5_000), createdAt: at(0) });
    // The status is ahead by then: its counter is 7.
    expect(spec.sequence).toBe(8);
    expect(spec.deletionRequestedAt).toBe(verb === 'terminate' ? at(5_000) : undefined);
    expect(spec.command).toEqual(verb === 'retry' ? { id: 'c-2', kind: 'retry', generation: 5 } : undefined);
  });
});

describe('a command that no status has acted on', () => {
  // FAILED is the only phase that a command can wait in today; the rule itself does not know that.
  it.each([
    ['start', 'STOPPED', 'command_pending'],
    ['retry', 'FAILED', 'command_pending'],
    ['stop', 'RUNNING', undefined],
    ['terminate', 'FAILED', undefined],
  ] as const)('makes %s in %s be answered by %s', (verb, phase, code) => {
    expect(refusedAs(verb, phase, { command })).toBe(code);
  });

  it.each([['stop', 'RUNNING'] as const, ['terminate', 'FAILED'] as const])('is cleared by %s', (verb, phase) => {
    expect(admitted(verb, phase, { command })).not.toHaveProperty('command');
  });

  it('is out of the way once a status has acknowledged it', () => {
    expect(admitted('retry', 'FAILED', { command }, 'c-1').command).toMatchObject({ id: 'c-2' });
  });
});
