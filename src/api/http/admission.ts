import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext, Act } from '../../domain/admission';
import type { Kind } from '../../domain/header';
import { admissionAttemptsMax } from '../../domain/limits';
import type { Decision } from '../../stores/etcd/commit';
import type { IdempotencyPut } from '../../stores/etcd/decisions';
import { withIdempotency } from '../../stores/etcd/decisions';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { StoreRoom } from '../store-room';
import type { RequestContext } from './context';
import { causeOf } from './context';
import { earlierRecord, recordOf } from './idempotency';
import { ApiProblem, problemOfRefusal } from './problem';

/** What is to be written, and the object as it then is at the commit's revision. */
export interface Proposal<Subject> {
  readonly decision: Decision;
  readonly after: (revision: number) => Subject;
}

/** A request that changes something. */
export interface Mutation<Seen, Subject> {
  readonly context: RequestContext;
  /** The body, as validated: part of what tells a repetition from another request. */
  readonly body?: unknown;
  readonly object: { readonly kind: Kind; readonly id: string };
  /** Refused while the store is nearly full; what gives room back is not. */
  readonly isNewWork: boolean;
  /** Reads what the decision needs. `certain`: what is read must be what is there now, not what a cache remembers. */
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
  /** An earlier request with the same idempotency key did it. */
  readonly replayed: boolean;
}

/** The one way in which a request becomes a commit: look, decide, commit, nudge; and look again when others were faster. */
@Injectable()
export class Admission {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    private readonly room: StoreRoom,
  ) {}

  async admit<Seen, Subject>(mutation: Mutation<Seen, Subject>): Promise<Admitted<Subject>> {
    const { context, object } = mutation;
    const nowMs = Date.now();
    const record = recordOf(context, mutation.body, object, nowMs);
    const admission: AdmissionContext = { nowMs, mintedId: object.id, cause: causeOf(context) };
    let changed: readonly string[] = [];
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const certain = attempt > 1;
      const proposal = await this.propose(mutation, admission, certain);
      if (proposal instanceof ApiProblem || proposal === undefined) {
        const earlier = await this.earlier(mutation, record);
        if (earlier) return earlier;
        if (proposal === undefined) return this.already(mutation);
        // A refusal computed on a cache is checked at a newer revision before anybody hears it.
        if (certain) throw proposal;
        continue;
      }
      const outcome = await this.dependencies.committer.commit(decisionOf(proposal.decision, record));
      if (outcome.kind === 'done') {
        this.nudge(object.kind, object.id);
        return { subject: proposal.after(outcome.revision), revision: outcome.revision, replayed: false };
      }
      if (outcome.kind === 'refused') throw new ApiProblem('conflict', outcome.refusal.message);
      changed = outcome.keys;
      if (changed.includes(record.key)) {
        const earlier = await this.earlier(mutation, record);
        if (earlier) return earlier;
      }
    }
    throw new ApiProblem('conflict', `others were faster ${admissionAttemptsMax} times in a row; ask again`, { members: { changed } });
  }
}
