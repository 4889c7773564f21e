import type { ObjectReference } from '../domain/answer';
import type { Act, AdmissionContext } from '../domain/admission';
import { actOnInstance } from '../domain/admission';
import { actOnWorker } from '../domain/worker-admission';
import { defaultProject, platformOrg } from '../domain/header';
import { admissionAttemptsMax } from '../domain/limits';
import type { Decision } from '../stores/etcd/commit';
import type { Committer } from '../stores/etcd/committer';
import { instanceSpecDecision, ownDecision, workerSpecDecision } from '../stores/etcd/decisions';
import type { FreshObjects } from '../stores/etcd/objects';
import type { Clock } from './clock';

export interface RetryAnswer {
  readonly refused: boolean;
  readonly code: string;
  readonly message: string;
}

/** The retry that a person asks for in the Temporal UI: the same admission, and the same commit, as the API's. */
export class RequestRetry {
  constructor(private readonly dependencies: { readonly fresh: FreshObjects; readonly committer: Committer; readonly clock: Clock }) {}

  async request(object: ObjectReference, updateId: string): Promise<RetryAnswer> {
    // The command's id is the update's: a repetition finds its own command in the spec.
    const context: AdmissionContext = {
      nowMs: this.dependencies.clock.nowMs(),
      mintedId: `temporal-ui-${updateId}`,
      owner: { org: platformOrg, project: defaultProject },
      cause: { actor: 'temporal-ui', idempotencyKey: updateId, correlationId: updateId },
    };
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const { act, decision, repeated } = await this.decide(object, context);
      if (repeated) return accepted;
      if (act.kind === 'refused') return { refused: true, code: act.refusal.code, message: act.refusal.message };
      if (act.kind === 'unchanged' || decision === undefined) return accepted;
      const outcome = await this.dependencies.committer.commit(ownDecision(decision, context.mintedId));
      if (outcome.kind === 'done') return accepted;
    }
    return { refused: true, code: 'conflict', message: 'the object kept changing; ask again' };
  }

  private async decide(
    object: ObjectReference,
    context: AdmissionContext,
  ): Promise<{ act: Act<unknown>; decision?: Decision; repeated: boolean }> {
    if (object.kind === 'Instance') {
      const entries = await this.dependencies.fresh.instance(object.id);
      const act = actOnInstance('retry', { spec: entries.spec.value, status: entries.status.value }, context);
      const repeated = entries.spec.value.command?.id === context.mintedId;
      return { act, repeated, ...(act.kind === 'admitted' && { decision: instanceSpecDecision(entries, act.spec, 'retry') }) };
    }
    const entries = await this.dependencies.fresh.worker(object.id);
    const act = actOnWorker('retry', { spec: entries.spec.value, status: entries.status.value }, context);
    const repeated = entries.spec.value.command?.id === context.mintedId;
    return { act, repeated, ...(act.kind === 'admitted' && { decision: workerSpecDecision(entries, act.spec, 'retry') }) };
  }
}

const accepted: RetryAnswer = { refused: false, code: 'accepted', message: 'retry accepted' };
