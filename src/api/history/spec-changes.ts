import { Inject, Injectable } from '@nestjs/common';
import type { Act, AdmissionContext } from '../../domain/admission';
import type { FieldChange } from '../../domain/difference';
import { differenceOf } from '../../domain/difference';
import type { EventDraft } from '../../domain/events';
import type { Header } from '../../domain/header';
import type { Entry } from '../../stores/etcd/client';
import type { Decision } from '../../stores/etcd/commit';
import type { Admitted, Proposal } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { causeOf } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { Reads } from '../http/reads';
import type { PastObject, Turn } from './object-history';
import { ObjectHistory } from './object-history';
import type { RollbackRequest } from './schemas';

/** A request for another mutable spec. */
export interface SpecChange<Spec extends Header, Subject extends { readonly spec: Entry<Spec> }> {
  readonly context: RequestContext;
  readonly object: PastObject;
  /** The body as validated. */
  readonly body: unknown;
  readonly dryRun: boolean;
  /** The object as it is in the store now. */
  read(id: string): Promise<Subject>;
  act(seen: Subject, admission: AdmissionContext): Act<Spec>;
  decision(seen: Subject, spec: Spec): Decision;
}

/** What became of it: the object, and what differs. */
export interface Changed<Subject extends { readonly spec: Entry<Header> }> extends Admitted<Subject> {
  readonly changes: readonly FieldChange[];
  readonly dryRun: boolean;
}

/** Admits changes of what may be changed of an object, and shows what they change, or would. */
@Injectable()
export class SpecChanges {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(ObjectHistory) private readonly past: ObjectHistory,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async change<Spec extends Header, Subject extends { readonly spec: Entry<Spec> }>(change: SpecChange<Spec, Subject>): Promise<Changed<Subject>> {
    const { context, object, body, dryRun } = change;
    let changes: readonly FieldChange[] = [];
    const decide = (seen: Subject, admission: AdmissionContext): Proposal<Subject> | undefined => {
      requireMatch(context, seen.spec);
      const spec = admittedBy(change.act(seen, admission));
      changes = spec === undefined ? [] : differenceOf({ spec: seen.spec.value }, { spec });
      return spec && { decision: change.decision(seen, spec), after: (revision) => ({ ...seen, spec: { value: spec, revision } }) };
    };
    if (dryRun) {
      const subject = await change.read(object.id);
      decide(subject, { nowMs: Date.now(), mintedId: '', owner: subject.spec.value, cause: causeOf(context) });
      return { subject, revision: undefined, replayed: false, changes, dryRun };
    }
    const look = () => change.read(object.id);
    const admitted = await this.admission.admit<Subject, Subject>({ context, body, object, mintedId: mintId('command'), isNewWork: false, look, decide, read: (id) => change.read(id) });
    // A repetition saw the object as the first request left it, and would find that nothing differs.
    if (admitted.replayed && admitted.revision !== undefined) changes = await this.past.changesAt(object, admitted.revision);
    return { ...admitted, changes, dryRun };
  }

  /** The state that a rollback goes back to. Throws `snapshot_not_found`. */
  async target(object: PastObject, { revision, sequence }: RollbackRequest): Promise<Turn> {
    await this.reads.upToPresent(); // What was done a moment ago through another server may be what is to be undone.
    return this.past.at(object, { revision, sequence });
  }
}

/** What the event of a rollback says of where it goes back to. */
export function toldOfRollback({ event: { revision, sequence } }: Turn): EventDraft['data'] {
  return { rolledBackTo: { revision, sequence }, message: `rolled back to revision ${revision}, event ${sequence}` };
}
