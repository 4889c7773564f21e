import { Inject, Injectable } from '@nestjs/common';
import type { Act, AdmissionContext } from '../../domain/admission';
import { ownerFor } from '../../domain/authorization';
import type { Header, Kind, Owner } from '../../domain/header';
import { admissionAttemptsMax } from '../../domain/limits';
import type { Entry } from '../../stores/etcd/client';
import type { Decision } from '../../stores/etcd/commit';
import type { IdempotencyPut } from '../../stores/etcd/decisions';
import { ownDecision, withIdempotency } from '../../stores/etcd/decisions';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { Standing } from '../access/standing';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { StoreRoom } from '../store-room';
import type { RequestContext } from './context';
import { causeOf } from './context';
import { earlierRecord, recordOf } from './idempotency';
import { ApiProblem, problemOfRefusal } from './problem';
import { problemOf } from './problem-of';

/** The keys of an object as they were read. */
interface Entries {
  readonly spec: Entry<Header>;
}

/** What is to be written, and the object as it then is at the commit's revision. */
export interface Proposal<Subject> {
  readonly decision: Decision;
  readonly after: (revision: number) => Subject;
}

/** A request that changes something. */
export interface Mutation<Seen, Subject extends Entries> {
  readonly context: RequestContext;
  /** The body as validated: part of what tells a repetition from another request. */
  readonly body?: unknown;
  readonly object: { readonly kind: Kind; readonly id: string };
  /** Freshly minted: the id of the new object, or of the command. */
  readonly mintedId: string;
  /** To whom what is created belongs; where it is not said, to whom the caller's things do. */
  readonly owner?: Owner;
  /** Refused while the store is nearly full; what gives room back is not. */
  readonly isNewWork: boolean;
  /** Reads what the decision needs. `certain`: as it is there now, not as a cache remembers it. */
  look(certain: boolean): Promise<Seen>;
  /** Decides on what was seen; throws an `ApiProblem` to refuse. Undefined: it is so already. */
  decide(seen: Seen, admission: AdmissionContext): Proposal<Subject> | undefined;
  /** The object as it is now, for a repetition. */
  read(id: string): Promise<Subject>;
}

export interface Admitted<Subject> {
  readonly subject: Subject;
  /** Of the commit; undefined when nothing had to be written. */
  readonly revision: number | undefined;
  /** An earlier request under the same idempotency key did it. */
  readonly replayed: boolean;
}

/** The one way from a request to a commit: look, decide, commit, nudge; and look again when others were faster. */
@Injectable()
export class Admission {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(StoreRoom) private readonly room: StoreRoom,
    @Inject(Standing) private readonly standing: Standing,
  ) {}

  async admit<Seen, Subject extends Entries>(mutation: Mutation<Seen, Subject>): Promise<Admitted<Subject>> {
    const { context, object } = mutation;
    const nowMs = Date.now();
    const record = recordOf(context, mutation.body, object, nowMs);
    const admission: AdmissionContext = { nowMs, mintedId: mutation.mintedId, owner: mutation.owner ?? ownerFor(context.caller), cause: causeOf(context) };
    let changed: readonly string[] = [];
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const certain = attempt > 1;
      const proposal = await this.propose(mutation, admission, certain);
      // After all that takes time: nobody does anything by a credential that ended while its request was being read.
      await this.standing.require(context.caller);
      if (proposal instanceof ApiProblem || proposal === undefined) {
        const earlier = context.idempotency.given ? await this.earlier(mutation, record) : undefined;
        if (earlier) return earlier;
        if (proposal === undefined) return this.already(mutation);
        // A refusal computed on a cache is checked at a newer revision before anybody hears it.
        if (certain) throw proposal;
        continue;
      }
      const outcome = await this.dependencies.committer.commit(withIdempotency(ownDecision(proposal.decision, admission.mintedId), record));
      if (outcome.kind === 'refused') throw problemOfRefusal({ kind: 'conflict', ...outcome.refusal });
      if (outcome.kind === 'done') {
        this.nudge(object);
        return { subject: proposal.after(outcome.revision), revision: outcome.revision, replayed: false };
      }
      changed = outcome.keys;
      const earlier = changed.includes(record.key) ? await this.earlier(mutation, record) : undefined;
      if (earlier) return earlier;
    }
    throw await this.conflict(mutation, changed);
  }

  /** What to commit, why not, or undefined when it is so already. */
  private async propose<Seen, Subject extends Entries>(
    mutation: Mutation<Seen, Subject>,
    admission: AdmissionContext,
    certain: boolean,
  ): Promise<Proposal<Subject> | ApiProblem | undefined> {
    try {
      if (mutation.isNewWork) this.room.refuseWhenFull();
      return mutation.decide(await mutation.look(certain), admission);
    } catch (error) {
      const problem = problemOf(error);
      if (problem === error || problem.status < 500) return problem;
      throw error;
    }
  }

  /**
   * A repetition is answered by what the first request did, whatever would be refused by now. A record under a key that
   * nobody gave is this request's own: it was done, its answer was lost, and its outbox key has moved on meanwhile.
   */
  private async earlier<Subject extends Entries>(
    mutation: Mutation<unknown, Subject>,
    record: IdempotencyPut,
  ): Promise<Admitted<Subject> | undefined> {
    const earlier = await earlierRecord(this.dependencies.etcd, record);
    if (!earlier) return undefined;
    this.nudge({ kind: earlier.value.kind, id: earlier.value.objectId });
    return { subject: await mutation.read(earlier.value.objectId), revision: earlier.revision, replayed: mutation.context.idempotency.given };
  }

  private async already<Subject extends Entries>(mutation: Mutation<unknown, Subject>): Promise<Admitted<Subject>> {
    return { subject: await mutation.read(mutation.object.id), revision: undefined, replayed: false };
  }

  private async conflict<Subject extends Entries>(mutation: Mutation<unknown, Subject>, changed: readonly string[]): Promise<ApiProblem> {
    const present = await mutation.read(mutation.object.id).catch((error: unknown) => {
      if (error instanceof ObjectNotFoundError) return undefined; // It was to be created.
      throw error;
    });
    const by = present && { changedBy: present.spec.value.cause.actor, changedAt: present.spec.value.updatedAt };
    const who = by ? `, at last ${by.changedBy} at ${by.changedAt}` : '';
    return new ApiProblem('conflict', `others were faster ${admissionAttemptsMax} times in a row${who}; ask again`, { members: { changed, ...by } });
  }

  private nudge({ kind, id }: { readonly kind: Kind; readonly id: string }): void {
    if (kind === 'Instance' || kind === 'Worker') this.dependencies.nudge(kind, id);
  }
}

/** The next value that an act admits; undefined when nothing is to be changed. Throws the refusal. */
export function admittedBy<Value>(act: Act<Value>): Value | undefined {
  if (act.kind === 'refused') throw problemOfRefusal(act.refusal);
  return act.kind === 'admitted' ? act.spec : undefined;
}
