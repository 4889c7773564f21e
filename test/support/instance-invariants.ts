import type { InstanceStatus } from '../../src/domain/instance';
import { deadlineOf, nextForInstance, wantsRunning } from '../../src/domain/instance-next';
import type { InstanceStep } from '../../src/domain/instance-steps';
import { instanceSteps, isHostStep, isInFlight } from '../../src/domain/instance-steps';
import { instanceNeedsLifecycle } from '../../src/domain/needs-lifecycle';
import { holdsNothing, mayInstanceGo } from '../../src/domain/phases';
import type { Commit, InstanceSimulation } from './instance-simulation';

/** Steps that stop or end something: a paused instance takes those only when it is to be terminated. */
const towardsTerminated: readonly InstanceStep[] = ['remove', 'finish'];

/** What must hold for every single commit of a lifecycle, each with the sentence that a failing test shows. */
export const commitRules: Readonly<Record<string, (commit: Commit) => boolean>> = {
  'the phase goes along the table': ({ before, after }) =>
    before.status.phase === after.status.phase || mayInstanceGo(before.status.phase, after.status.phase),
  'the step may run in the phase': ({ step, before }) => {
    const from: readonly string[] = instanceSteps[step].from;
    return from.length === 0 || from.includes(before.status.phase);
  },
  'the status has taken the spec into account': ({ after }) => after.status.observedGeneration === after.spec.generation,
  'the time moves only with something else': ({ before, after }) =>
    before.status.lastReconcileTime === after.status.lastReconcileTime || withoutTime(before.status) !== withoutTime(after.status),
  'a transition time moves exactly when its status does': ({ before, after, nowMs }) =>
    after.status.conditions.every((condition) => {
      const former = before.status.conditions.find(({ type }) => type === condition.type);
      if (former?.status === condition.status) return condition.lastTransitionTime === former.lastTransitionTime;
      return Date.parse(condition.lastTransitionTime) === nowMs;
    }),
  'only what may hold something holds an allocation': ({ after }) => (after.allocation === undefined) === holdsNothing(after.status.phase),
  'an undo leaves only when it is confirmed': ({ before, after, change, outcome }) =>
    (change.release === true && outcome === 'complete') ||
    before.status.undo.every(({ undo }) => after.status.undo.some((entry) => entry.undo === undo)),
  'what a host is told to run can be undone': ({ after, change }) =>
    change.plan?.wanted !== 'running' || after.status.undo.some(({ undo, attempt }) => undo === 'remove' && attempt === change.plan?.attempt),
  'attempts only rise, and a start is always a new one': ({ before, after, change }) =>
    after.status.attempt >= before.status.attempt && (change.plan?.wanted !== 'running' || after.status.attempt > before.status.attempt),
  'nothing is started against a halt or an intent': ({ before, change }) =>
    change.plan?.wanted !== 'running' || wantsRunning(before.spec, before.status),
  'nothing begins while paused, but towards terminate, or because its time is over': ({ before, after, step, outcome }) =>
    !before.spec.paused ||
    outcome !== 'begin' ||
    before.spec.intent === 'terminated' ||
    towardsTerminated.includes(step) ||
    (step === 'stop' && after.status.halted?.reason === 'MaxDurationReached'),
  'the deadline is that of the spec': ({ after }) => after.status.deadlineAt === deadlineOf(after.spec, after.status),
  'attempts of an operation do not exceed the policy': ({ before, after }) => {
    const { operation } = after.status;
    if (operation?.step !== 'start' && operation?.step !== 'restart') return true;
    return operation.state === 'undo' || operation.attempt <= before.spec.retry.attemptsMax;
  },
  'why it gave up is not forgotten over undoing it': ({ step, before, after }) => step !== 'undo' || before.status.lastFailure === after.status.lastFailure,
  'what holds nothing has nothing under way and nothing to undo': ({ after }) =>
    !holdsNothing(after.status.phase) || (after.status.operation === undefined && after.status.undo.length === 0),
  'it is ready exactly from a start that came up until something happens to it': ({ step, outcome, before, after }) => {
    const [former, ready] = [before, after].map(({ status }) => status.conditions.find(({ type }) => type === 'Ready')?.status);
    if (outcome === 'complete' && (step === 'start' || step === 'restart')) return ready === 'True';
    return ready === (step === 'acknowledge' ? former : 'False');
  },
};

/** What must hold in every state that is ever reached. */
export const stateRules: Readonly<Record<string, (simulation: InstanceSimulation) => boolean>> = {
  'the step that is due may run in the phase': ({ view, nowMs }) => {
    const next = nextForInstance(view, nowMs);
    const from: readonly string[] = next.kind === 'run' ? instanceSteps[next.step].from : [];
    return from.length === 0 || from.includes(view.status.phase);
  },
  'only TERMINATED closes': ({ view, nowMs }) => (nextForInstance(view, nowMs).kind === 'close') === (view.status.phase === 'TERMINATED'),
  'a date that is waited for is in the future, and something is due then': ({ view, nowMs }) => {
    const next = nextForInstance(view, nowMs);
    if (next.kind !== 'wait' || next.untilMs === undefined) return true;
    return next.untilMs > nowMs && (view.spec.paused || nextForInstance(view, next.untilMs).kind === 'run');
  },
  'it is due exactly when running the step now would change something': (simulation) => {
    const next = nextForInstance(simulation.view, simulation.nowMs);
    const waitsForHost = next.kind === 'run' && isHostStep(next.step) && isInFlight(next.step, simulation.view.status);
    const due = instanceNeedsLifecycle(simulation.view, simulation.nowMs);
    return waitsForHost ? due === simulation.wouldChange() : due === (next.kind === 'run');
  },
  'each allocation is released at most once, and one that is held not at all': ({ view, claimed, released }) => {
    const held = view.allocation?.allocationId;
    const open = claimed.filter((id) => !released.includes(id));
    return new Set(released).size === released.length && open.length === (held === undefined ? 0 : 1) && (open[0] ?? held) === held;
  },
  'the host starts no attempt twice, and none below an earlier one': ({ host }) =>
    host.starts.every((attempt, index) => index === 0 || attempt > host.starts[index - 1]!),
  'what is said to run has been started, and nothing runs of what is said to be stopped or over': ({ view, host }) => {
    const { phase, operation, attempt } = view.status;
    if (phase === 'RUNNING' && operation === undefined) return host.starts.includes(attempt);
    return !(['PENDING', 'STOPPED', 'FAILED', 'TERMINATED'] as const).some((over) => over === phase) || !host.runsAnything;
  },
  'the plan holds what is allocated, and nothing else': ({ view, plan }) =>
    [...plan.keys()].every((allocationId) => allocationId === view.allocation?.allocationId),
};

/** Throws when a rule is broken, with its sentence and the commit or state that breaks it. */
export function holdsEverywhere(simulation: InstanceSimulation, commitsSeen: number): void {
  for (const commit of simulation.commits.slice(commitsSeen)) {
    for (const [rule, holds] of Object.entries(commitRules)) {
      if (!holds(commit)) throw new Error(`broken: ${rule}\n${JSON.stringify(commit, undefined, 2)}`);
    }
  }
  for (const [rule, holds] of Object.entries(stateRules)) {
    if (!holds(simulation)) throw new Error(`broken: ${rule}\n${JSON.stringify(simulation.view, undefined, 2)}`);
  }
}

function withoutTime({ lastReconcileTime: _time, ...rest }: InstanceStatus): string {
  return JSON.stringify(rest);
}
