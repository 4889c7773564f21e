import { Inject, Injectable } from '@nestjs/common';
import { reaches } from '../../domain/authorization';
import type { Owners } from '../../domain/ownership';
import { isOwnedBy, ownOwners, visibleOwners } from '../../domain/ownership';
import type { WorkerPhase } from '../../domain/phases';
import type { Caller } from '../../domain/principal';
import type { InstanceEntries, WorkerEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { AccessWatch } from '../access/access-watch';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Changed } from '../history/spec-changes';
import type { Admitted } from '../http/admission';
import { Answer } from '../http/answer';
import { mutationAnswer, readAnswer, withChanges } from '../http/answers';
import type { RequestContext } from '../http/context';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { hasLabels, labelTexts } from '../http/queries';
import { Reads } from '../http/reads';
import { waitForPhase } from '../http/wait';
import type { CapacityView, ChangedWorkerDocument, ChangeWorkerQuery, GetWorkerQuery, ListWorkersQuery, PortsView, WorkerDocument, WorkerWaitQuery } from './schemas';
import { sharedViewOfCapacity, sharedViewOfPorts, sharedViewOfWorker } from './shared-view';
import { viewOfCapacity, viewOfPorts, viewOfWorker } from './view';
import { judgeWorker } from './wait';

/** Shows workers and their ledgers. */
@Injectable()
export class Workers {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(AccessWatch) private readonly access: AccessWatch,
  ) {}

  async get(id: string, query: GetWorkerQuery, context: RequestContext): Promise<Answer<WorkerDocument>> {
    const { found, revision } = await this.find(id, query);
    if (query.waitFor === undefined) return readAnswer(show(found, revision, context.caller), found.spec);
    const present = await this.wait(found, { phase: query.waitFor, revision: found.spec.revision, timeoutMs: query.timeout }, context);
    return readAnswer(show(present, this.dependencies.cache.revision, context.caller), present.spec);
  }

  async list(query: ListWorkersQuery, { caller }: RequestContext): Promise<Page<WorkerDocument>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const { cached } = this.dependencies;
    const owners = visibleOwners(caller, 'Worker', query);
    const filter = { owners, phases: query.phase, labels: labelTexts(query.label), template: query.template };
    const view = (entries: WorkerEntries) => show(entries, revision, caller);
    if (query.archived) return this.archive.workers(filter, { ...page, revision }, view, (id) => cached.worker(id) !== undefined);
    const found = cached.workers().filter((entries) => matches(entries, query, owners));
    return pageOfObjects(found, page, revision, view);
  }

  async capacity(id: string, query: ReadQuery, { caller }: RequestContext): Promise<Answer<CapacityView>> {
    const { found, revision } = await this.find(id, query);
    const view = isOwn(found, caller) ? viewOfCapacity(found, revision) : sharedViewOfCapacity(found, this.placedOn(id, caller), revision);
    return new Answer(view, { 'Berth-Revision': String(revision) });
  }

  async ports(id: string, query: ReadQuery, { caller }: RequestContext): Promise<Answer<PortsView>> {
    const { found, revision } = await this.find(id, query);
    const placed = this.placedOn(id, caller);
    const view = isOwn(found, caller) ? viewOfPorts(found, placed, revision) : sharedViewOfPorts(found, placed, revision);
    return new Answer(view, { 'Berth-Revision': String(revision) });
  }

  /** The caller's instances on a worker. */
  private placedOn(id: string, caller: Caller): InstanceEntries[] {
    const owners = ownOwners(caller);
    return this.dependencies.cached.instances().filter(({ spec, allocation }) => allocation?.value.workerId === id && isOwnedBy(owners, spec.value));
  }

  /** Refuses a worker that is not there. */
  async requireWorker(id: string): Promise<void> {
    await this.find(id, {});
  }

  /** The answer to a change: at once, or when the phase has come that the change was made for. */
  async answer(admitted: Admitted<WorkerEntries>, query: WorkerWaitQuery, context: RequestContext): Promise<Answer<WorkerDocument>> {
    const { subject, revision = subject.spec.revision } = admitted;
    const location = `/api/v1/workers/${subject.id}`;
    const describe = (entries: WorkerEntries) => mutationAnswer(show(entries, revision, context.caller), { ...admitted, subject: entries, location });
    if (query.waitFor === undefined) return describe(subject);
    const { headers } = describe(subject); // Whether or not the phase comes, the change was made.
    return describe(await this.wait(subject, { phase: query.waitFor, revision, timeoutMs: query.timeout, headers }, context));
  }

  /** The answer to a change of its spec, or to the preview of one, which has nothing to wait for. */
  async answerChange(changed: Changed<WorkerEntries>, query: ChangeWorkerQuery, context: RequestContext): Promise<Answer<ChangedWorkerDocument>> {
    const { changes, dryRun } = changed;
    return withChanges(await this.answer(changed, dryRun ? {} : query, context), { changes, dryRun });
  }

  private async find(id: string, query: ReadQuery): Promise<{ readonly found: WorkerEntries; readonly revision: number }> {
    const revision = await this.reads.upTo(query);
    const found = this.dependencies.cached.worker(id) ?? (await this.archive.worker(id));
    return { found, revision: Math.max(revision, resourceVersion(found.spec, found.status, found.capacity, found.ports)) };
  }

  private wait(
    subject: WorkerEntries,
    wanted: {
      readonly phase: WorkerPhase;
      readonly revision: number;
      readonly timeoutMs: number | undefined;
      readonly headers?: Readonly<Record<string, string>>;
    },
    context: RequestContext,
  ): Promise<WorkerEntries> {
    const { cache, cached } = this.dependencies;
    const { id, spec, archived } = subject;
    const wait = (signal: AbortSignal) =>
      waitForPhase<WorkerEntries>(cache, {
        ...wanted,
        collection: 'workers',
        id,
        signal,
        read: () => cached.worker(id) ?? (archived && subject),
        judge: (entries) => judgeWorker(entries, wanted.phase, spec.value.generation),
        describe: (entries) => {
          const { phase, message, lastFailure } = show(entries, cache.revision, context.caller).status;
          return { phase, message, lastFailure };
        },
      });
    return this.access.during(context.caller, context.gone, wait);
  }
}

/** Whether a worker is the caller's to look into; one that is merely visible is shared with others. */
function isOwn({ spec }: WorkerEntries, caller: Caller): boolean {
  return reaches(caller, spec.value);
}

function show(entries: WorkerEntries, revision: number, caller: Caller): WorkerDocument {
  return isOwn(entries, caller) ? viewOfWorker(entries, revision) : sharedViewOfWorker(entries, revision);
}

function matches({ spec, status }: WorkerEntries, query: ListWorkersQuery, owners: Owners): boolean {
  return (
    isOwnedBy(owners, spec.value) &&
    (query.phase === undefined || query.phase.includes(status.value.phase)) &&
    (query.template === undefined || spec.value.template.name === query.template) &&
    hasLabels(spec.value.labels, query.label)
  );
}
