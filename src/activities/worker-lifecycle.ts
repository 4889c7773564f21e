import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Answer, LifecycleStep } from '../domain/answer';
import type { Moment } from '../domain/instance-changes';
import type { ObservedFailure } from '../domain/plan';
import type { ResourceReference } from '../domain/status';
import { stepTimeoutReason } from '../domain/stuck';
import type { WorkerStatus } from '../domain/worker';
import type { WorkerChange } from '../domain/worker-changes';
import {
  beginDestroy,
  beginProvision,
  destroyed,
  destroyFailed,
  draining,
  provisioned,
  provisionFailed,
  undone,
  workerAcknowledged,
  workerFinished,
  workerRetried,
} from '../domain/worker-changes';
import type { WorkerStep } from '../domain/worker-steps';
import { nextForWorker } from '../domain/worker-steps';
import type { Provider } from '../drivers/providers/provider';
import { ProviderError } from '../drivers/providers/provider';
import type { Committer } from '../stores/etcd/committer';
import { ObjectNotFoundError } from '../stores/etcd/errors';
import { workerDecision } from '../stores/etcd/lifecycle-decisions';
import type { CachedObjects, FreshObjects, WorkerEntries } from '../stores/etcd/objects';
import { workerViewOf } from '../stores/etcd/views';
import { answerForWorker, goneAnswer } from './answers';
import type { Clock } from './clock';
import type { StepContext } from './step-context';
import { patienceMs } from './step-context';
import { logCommitted, logFailure } from './step-log';
import type { StepOf } from './step-log';
import { presentWorkflowRun } from './workflow-run';

export interface WorkerLifecycleDependencies {
  readonly fresh: FreshObjects;
  readonly cached: CachedObjects;
  readonly committer: Committer;
  /** By the name that templates use. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a worker's lifecycle may do; see InstanceLifecycle for the shape that both share. */
export class WorkerLifecycle {
  constructor(private readonly dependencies: WorkerLifecycleDependencies) {}

  /** What is due now; writes nothing. */
  async look(id: string): Promise<Answer> {
    return this.ofExisting(id, async (entries) => this.answer(entries));
  }

  /** Runs a step, if it is still the one that is due. */
  async run(step: LifecycleStep, id: string, context: StepContext): Promise<Answer> {
    return this.ofExisting(id, async (entries) => {
      const due = nextForWorker(workerViewOf(entries), this.dependencies.clock.nowMs());
      if (due.kind !== 'run' || due.step !== step) return this.answer(entries);
      return logFailure(this.dependencies.log, stepOf(step, entries), () => this.act(due.step, entries, context));
    });
  }

  private async act(step: WorkerStep, entries: WorkerEntries, context: StepContext): Promise<Answer> {
    const view = workerViewOf(entries);
    const moment = this.moment();
    switch (step) {
      case 'provision':
        return this.provision(entries, context);
      case 'destroy':
      case 'undo':
        return this.destroy(step, entries, context);
      case 'drain':
        return this.commitAndAnswer(entries, draining(view, moment), step, 'complete');
      case 'finish':
        return this.commitAndAnswer(entries, workerFinished(view, moment), step, 'complete');
      case 'retry':
        return this.commitAndAnswer(entries, workerRetried(view, moment), step, 'complete');
      case 'acknowledge':
        return this.commitAndAnswer(entries, workerAcknowledged(view, moment), step, 'complete');
    }
  }

  /**
   * Claims an external id in status, asks the provider for a host under it, and waits for its agent. The token is
   * made anew by each try and stored nowhere but at the agent, so a repeated try re-equips the host that it finds.
   */
  private async provision(entries: WorkerEntries, context: StepContext): Promise<Answer> {
    const { clock } = this.dependencies;
    const { operation, externalId } = entries.status.value;
    const expired = operation?.state === 'acting' && clock.nowMs() >= Date.parse(operation.deadlineAt);
    if (expired) return this.commitAndAnswer(entries, provisionFailed(workerViewOf(entries), timedOut(entries), this.moment()), 'provision', 'fail');

    const token = randomBytes(32).toString('base64url');
    const agentTokenHash = createHash('sha256').update(token).digest('hex');
    const claim = { externalId: externalId ?? clock.mintId('host'), agentTokenHash };
    const begun = await this.commit(entries, beginProvision(workerViewOf(entries), claim, this.moment()), 'provision', 'begin');
    if (!begun) return this.look(entries.id);
    try {
      const resources = await this.askForHost(begun, claim.externalId, token, context);
      return await this.awaitAgent(begun, resources, context);
    } catch (error) {
      if (context.signal.aborted) throw error;
      return this.commitAndAnswer(begun, provisionFailed(workerViewOf(begun), failureOf(error), this.moment()), 'provision', 'fail', entries);
    }
  }

  private async askForHost(begun: WorkerEntries, externalId: string, token: string, context: StepContext): Promise<Readonly<Record<string, ResourceReference>>> {
    const { spec, status } = begun;
    const made = await this.provider(begun).create({
      externalId,
      workerId: begun.id,
      attempt: status.value.attempt,
      token,
      portRange: spec.value.portRange,
      signal: context.signal,
      heartbeat: (detail) => context.report?.(detail),
    });
    return made.resources;
  }

  private async awaitAgent(begun: WorkerEntries, resources: Readonly<Record<string, ResourceReference>>, context: StepContext): Promise<Answer> {
    const { cached, clock } = this.dependencies;
    context.report?.('waiting for its agent to register');
    const probe = () => {
      const seen = cached.worker(begun.id);
      if (!seen || seen.status.revision < begun.status.revision) return undefined;
      if (seen.status.revision > begun.status.revision || seen.spec.revision > begun.spec.revision) return { overtaken: true as const };
      // A lease that is older than this attempt is that of an agent which has just been replaced.
      return seen.lease && seen.lease.revision > begun.status.revision && seen.observed ? { overtaken: false as const, seen } : undefined;
    };
    const patience = patienceMs(context, begun.status.value.operation?.deadlineAt, clock.nowMs());
    const heard = await cached.cache.waitForObject({ collection: 'workers', id: begun.id }, probe, patience, context.signal);
    if (!heard) {
      const change = provisionFailed(workerViewOf(begun), timedOut(begun), this.moment());
      return context.signal.aborted ? this.look(begun.id) : this.commitAndAnswer(begun, change, 'provision', 'fail');
    }
    if (heard.overtaken) return this.look(begun.id);
    return this.commitAndAnswer(heard.seen, provisioned(workerViewOf(heard.seen), resources, this.moment()), 'provision', 'complete', begun);
  }

  private async destroy(step: 'destroy' | 'undo', entries: WorkerEntries, context: StepContext): Promise<Answer> {
    const { operation } = entries.status.value;
    const inFlight = step === 'undo' || (operation?.step === 'destroy' && operation.state === 'acting');
    const begun = inFlight ? entries : await this.commit(entries, beginDestroy(workerViewOf(entries), this.moment()), step, 'begin');
    if (!begun) return this.look(entries.id);
    const { externalId } = begun.status.value;
    context.report?.(`asking provider ${begun.spec.value.provider} to take ${externalId ?? 'the host'} away`);
    try {
      if (externalId !== undefined) await this.provider(begun).destroy(externalId, context.signal);
    } catch (error) {
      if (context.signal.aborted) throw error;
      await this.commit(begun, destroyFailed(workerViewOf(begun), failureOf(error), this.moment()), step, 'fail');
      // Failing the activity lets the engine back off, visibly, before it tries again.
      throw error;
    }
    const change = step === 'undo' ? undone(workerViewOf(begun), this.moment()) : destroyed(workerViewOf(begun), this.moment());
    return this.commitAndAnswer(begun, change, step, 'complete', entries);
  }

  /** Throws ProviderError when this process has no such provider. */
  private provider(entries: WorkerEntries): Provider {
    const { provider: name } = entries.spec.value;
    const provider = this.dependencies.providers.get(name);
    if (!provider) throw new ProviderError('configuration', 'UnknownProvider', `there is no provider ${name}; known are ${[...this.dependencies.providers.keys()].join(', ')}`);
    return provider;
  }

  private async commitAndAnswer(entries: WorkerEntries, change: WorkerChange, step: WorkerStep, outcome: string, before: WorkerEntries = entries): Promise<Answer> {
    const committed = await this.commit(entries, change, step, outcome);
    return committed ? this.answer(committed, before) : this.look(entries.id);
  }

  private async commit(entries: WorkerEntries, change: WorkerChange, step: WorkerStep, outcome: string): Promise<WorkerEntries | undefined> {
    const decision = workerDecision(entries, change, { step, outcome, actor: 'lifecycle', workflowRun: presentWorkflowRun() });
    const committed = await this.dependencies.committer.commit(decision);
    if (committed.kind !== 'done' || committed.repeated) return undefined;
    logCommitted(this.dependencies.log, stepOf(step, entries), { outcome, phase: change.status.phase, revision: committed.revision });
    return { ...entries, status: { value: decision.puts[0]!.value as WorkerStatus, revision: committed.revision } };
  }

  private answer(entries: WorkerEntries, before?: WorkerEntries): Answer {
    return answerForWorker(entries, nextForWorker(workerViewOf(entries), this.dependencies.clock.nowMs()), before);
  }

  private moment(): Moment {
    const { clock } = this.dependencies;
    return { nowMs: clock.nowMs(), operationId: clock.mintId('op') };
  }

  private async ofExisting(id: string, act: (entries: WorkerEntries) => Promise<Answer>): Promise<Answer> {
    let entries: WorkerEntries;
    try {
      entries = await this.dependencies.fresh.worker(id);
    } catch (error) {
      if (error instanceof ObjectNotFoundError) return goneAnswer(id);
      throw error;
    }
    return act(entries);
  }
}

function stepOf(step: string, { id, spec }: WorkerEntries): StepOf {
  return { kind: 'Worker', id, step, cause: spec.value.cause };
}

function failureOf(error: unknown): ObservedFailure {
  if (error instanceof ProviderError) return { class: error.failureClass, reason: error.reason, message: error.message };
  return { class: 'transient', reason: 'ProviderFailed', message: error instanceof Error ? error.message : String(error) };
}

function timedOut(entries: WorkerEntries): ObservedFailure {
  return { class: 'host', reason: stepTimeoutReason, message: `no agent of worker ${entries.id} registered in time` };
}
