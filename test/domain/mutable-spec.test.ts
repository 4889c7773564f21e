import type { InstancePatch, WorkerPatch } from '../../src/domain/mutable-spec';
import { changeInstance, changeWorker, mutableInstanceFields, mutablePart, mutableWorkerFields, patchInstance, patchWorker } from '../../src/domain/mutable-spec';
import type { InstanceSpec, InstanceView } from '../../src/domain/instance';
import { instancePhases } from '../../src/domain/phases';
import { asking, at, newInstance, newWorker, withSpec, withStatus } from '../support/domain-objects';

const instance = newInstance({ labels: { zone: 'a', team: 'x' }, maxDurationMs: 60_000 });
const { retry } = instance.spec;

describe('a patch of an instance', () => {
  it.each<[what: string, patch: InstancePatch, changed: Partial<InstanceSpec>]>([
    ['adds and replaces labels', { labels: { zone: 'b', tier: '1' } }, { labels: { zone: 'b', team: 'x', tier: '1' } }],
    ['takes a label away', { labels: { zone: null } }, { labels: { team: 'x' } }],
    ['takes all labels away', { labels: null }, { labels: {} }],
    ['pauses', { paused: true }, { paused: true }],
    ['gives it another time', { maxDurationMs: 5_000 }, { maxDurationMs: 5_000 }],
    ['takes the bound of its time away', { maxDurationMs: null }, { maxDurationMs: undefined }],
    ['changes when it is restarted', { restart: { policy: 'never' } }, { restart: { policy: 'never' } }],
    ['changes one thing of how it is retried', { retry: { attemptsMax: 9, factor: undefined } }, { retry: { ...retry, attemptsMax: 9 } }],
    ['does several things at once', { paused: true, labels: { team: null } }, { paused: true, labels: { zone: 'a' } }],
  ])('%s', (_what, patch, changed) => {
    const act = patchInstance(patch, instance, asking(1_000));
    expect(act).toEqual({
      kind: 'admitted',
      spec: { ...instance.spec, ...changed, generation: 2, sequence: 2, updatedAt: at(1_000), cause: asking().cause },
    });
  });

  it.each<[what: string, patch: InstancePatch]>([
    ['nothing', {}],
    ['what is so already', { paused: false, maxDurationMs: 60_000, labels: { team: 'x' }, retry: { ...retry } }],
    ['that a label which is not there goes', { labels: { nowhere: null } }],
  ])('that says %s changes nothing', (_what, patch) => {
    expect(patchInstance(patch, instance, asking())).toEqual({ kind: 'unchanged' });
  });

  it.each<[path: string, patch: InstancePatch]>([
    ['labels', { labels: Object.fromEntries(Array.from({ length: 63 }, (_, index) => [`l-${index}`, ''])) }],
    ['retry.maxBackoff', { retry: { maxBackoffMs: retry.initialBackoffMs - 1 } }],
    ['retry.maxBackoff', { retry: { initialBackoffMs: retry.maxBackoffMs + 1 } }],
  ])('is refused where what it would make is wrong: %s', (path, patch) => {
    expect(patchInstance(patch, instance, asking())).toMatchObject({ kind: 'refused', refusal: { kind: 'invalid', code: 'invalid_request', problems: [{ path }] } });
  });

  it('leaves what was asked of it last: intent, its generation and its command', () => {
    const command = { id: 'c', kind: 'retry', generation: 3 } as const;
    const asked = withSpec(withStatus(instance, { acknowledgedCommand: 'c' }), { intent: 'stopped', generation: 5, intentGeneration: 4, command });
    expect(patchInstance({ paused: true }, asked, asking())).toMatchObject({ spec: { intent: 'stopped', generation: 6, intentGeneration: 4, command } });
  });

  it.each(instancePhases)('is possible in %s, until it is to be terminated', (phase) => {
    const view = withStatus(instance, { phase });
    expect(patchInstance({ paused: true }, view, asking()).kind).toBe('admitted');
    const ending: InstanceView = withSpec(view, { intent: 'terminated' });
    expect(patchInstance({ paused: true }, ending, asking())).toMatchObject({ kind: 'refused', refusal: { code: 'invalid_transition', detail: { phase } } });
  });

  it('waits for a command that is not taken up, but for one that a pause holds back', () => {
    const commanded = withSpec(instance, { command: { id: 'c', kind: 'retry', generation: 1 } });
    expect(patchInstance({ labels: { a: 'b' } }, commanded, asking())).toMatchObject({ refusal: { code: 'command_pending' } });
    const held = withSpec(commanded, { paused: true });
    expect(patchInstance({ paused: false }, held, asking())).toMatchObject({ kind: 'admitted', spec: { paused: false, command: { id: 'c' } } });
  });
});

it('an instance gets another mutable spec whole, and nothing else of it', () => {
  const former = withSpec(newInstance({ labels: { old: '1' }, priority: 7 }), { intent: 'stopped' });
  const wanted = mutablePart(former.spec, mutableInstanceFields);
  expect(Object.keys(wanted).sort()).toEqual(['labels', 'paused', 'restart', 'retry']);
  const act = changeInstance(wanted, instance, asking());
  expect(act).toMatchObject({ kind: 'admitted', spec: { labels: { old: '1' }, priority: 0, intent: 'running', generation: 2 } });
  expect(act.kind === 'admitted' && 'maxDurationMs' in act.spec).toBe(false);
});

describe('a patch of a worker', () => {
  const worker = newWorker();

  it.each<[what: string, patch: WorkerPatch, kind: string, changed: object]>([
    ['labels', { labels: { zone: null, rack: '1' } }, 'admitted', { spec: { labels: { rack: '1' }, generation: 2, sequence: 2 } }],
    ['a pause', { paused: true }, 'admitted', { spec: { paused: true, intent: 'running' } }],
    ['nothing', { paused: false, labels: { zone: 'a' } }, 'unchanged', {}],
  ])('%s', (_what, patch, kind, changed) => {
    expect(patchWorker(patch, worker, asking())).toMatchObject({ kind, ...changed });
  });

  it('is refused once it is to be terminated', () => {
    const ending = { ...worker, spec: { ...worker.spec, intent: 'terminated' as const } };
    expect(patchWorker({ paused: true }, ending, asking())).toMatchObject({ refusal: { code: 'invalid_transition' } });
  });

  it('is taken back by the mutable spec from before', () => {
    const act = patchWorker({ paused: true, labels: { zone: 'b' } }, worker, asking());
    if (act.kind !== 'admitted') throw new Error(act.kind);
    const back = changeWorker(mutablePart(worker.spec, mutableWorkerFields), { ...worker, spec: act.spec }, asking());
    expect(back).toMatchObject({ kind: 'admitted', spec: { ...worker.spec, generation: 3, sequence: 3 } });
  });
});
