import { Inject, Injectable } from '@nestjs/common';
import type { InstancePhase } from '../../domain/phases';
import type { Owners } from '../../domain/ownership';
import { isOwnedBy, visibleOwners } from '../../domain/ownership';
import type { InstanceEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { AccessWatch } from '../access/access-watch';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Changed } from '../history/spec-changes';
import type { Admitted } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer, readAnswer, withChanges } from '../http/answers';
import type { RequestContext } from '../http/context';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import { hasLabels, labelTexts } from '../http/queries';
import { Reads } from '../http/reads';
import { waitForPhase } from '../http/wait';
import type { ChangedInstanceDocument, ChangeInstanceQuery, GetInstanceQuery, InstanceDocument, InstanceWaitQuery, ListInstancesQuery } from './schemas';
import { viewOfInstance } from './view';
import { judgeInstance } from './wait';

/** Shows instances, at once or when they have come to a phase. */
@Injectable()
export class Instances {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(AccessWatch) private readonly access: AccessWatch,
  ) {}

  async get(id: string, query: GetInstanceQuery, context: RequestContext): Promise<Answer<InstanceDocument>> {
    const revision = await this.reads.upTo(query);
    const { cached, cache } = this.dependencies;
    // What was created through another replica a moment ago is not absent.
    const found = cached.instance(id) ?? (await this.archive.instance(id));
    if (query.waitFor === undefined) return readAnswer(this.show(found, Math.max(revision, versionOf(found))), found.spec);
    const present = await this.wait(found, { phase: query.waitFor, revision: found.spec.revision, timeoutMs: query.timeout }, context);
    return readAnswer(this.show(present, cache.revision), present.spec);
  }

  async list(query: ListInstancesQuery, { caller }: Pick<RequestContext, 'caller'>): Promise<Page<InstanceDocument>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const { cached } = this.dependencies;
    const owners = visibleOwners(caller, 'Instance', query);
    if (query.archived) return this.listArchived(query, owners, { ...page, revision });
    const found = cached.instances().filter((entries) => matches(entries, query, owners));
    return pageOfObjects(found, page, revision, (entries) => this.show(entries, revision));
  }

  /** What is archived is placed nowhere, so that it is on no worker. */
  private async listArchived(query: ListInstancesQuery, owners: Owners, page: { readonly after: string; readonly limit?: number | undefined; readonly revision: number }): Promise<Page<InstanceDocument>> {
    const { revision } = page;
    if (query.worker !== undefined) return { items: [], revision: String(revision) };
    const filter = { owners, phases: query.phase, labels: labelTexts(query.label), definition: query.definition };
    return this.archive.instances(filter, page, (entries) => this.show(entries, revision), (id) => this.dependencies.cached.instance(id) !== undefined);
  }

  /** The answer to a change: at once, or when the phase has come that the change was made for. */
  async answer(admitted: Admitted<InstanceEntries>, query: InstanceWaitQuery, context: RequestContext): Promise<Answer<InstanceDocument>> {
    const { subject, revision = subject.spec.revision } = admitted;
    const location = `/api/v1/instances/${subject.id}`;
    const describe = (entries: InstanceEntries) => mutationAnswer(this.show(entries, revision), { ...admitted, subject: entries, location });
    if (query.waitFor === undefined) return describe(subject);
    const { headers } = describe(subject); // Whether or not the phase comes, the change was made.
    return describe(await this.wait(subject, { phase: query.waitFor, revision, timeoutMs: query.timeout, headers }, context));
  }

  /** The answer to a change of its spec, or to the preview of one, which has nothing to wait for. */
  async answerChange(changed: Changed<InstanceEntries>, query: ChangeInstanceQuery, context: RequestContext): Promise<Answer<ChangedInstanceDocument>> {
    const { changes, dryRun } = changed;
    return withChanges(await this.answer(changed, dryRun ? {} : query, context), { changes, dryRun });
  }

  private wait(
    subject: InstanceEntries,
    wanted: {
      readonly phase: InstancePhase;
      readonly revision: number;
      readonly timeoutMs: number | undefined;
      readonly headers?: Readonly<Record<string, string>>;
    },
    context: RequestContext,
  ): Promise<InstanceEntries> {
    const { cache, cached } = this.dependencies;
    const { id, spec, archived } = subject;
    const wait = (signal: AbortSignal) =>
      waitForPhase<InstanceEntries>(cache, {
        ...wanted,
        collection: 'instances',
        id,
        signal,
        read: () => cached.instance(id) ?? (archived && subject),
        judge: (entries) => judgeInstance(entries, wanted.phase, spec.value.generation),
        describe: ({ status }) => ({ phase: status.value.phase, message: status.value.message, lastFailure: status.value.lastFailure }),
      });
    return this.access.during(context.caller, context.gone, wait);
  }

  private show(entries: InstanceEntries, revision: number): InstanceDocument {
    const workerId = entries.allocation?.value.workerId;
    return viewOfInstance(entries, workerId === undefined ? undefined : this.dependencies.cached.worker(workerId), revision);
  }
}

function versionOf({ spec, status, allocation, observed }: InstanceEntries): number {
  return resourceVersion(spec, status, allocation, observed);
}

function matches({ spec, status, allocation }: InstanceEntries, query: ListInstancesQuery, owners: Owners): boolean {
  return (
    isOwnedBy(owners, spec.value) &&
    (query.phase === undefined || query.phase.includes(status.value.phase)) &&
    (query.worker === undefined || allocation?.value.workerId === query.worker) &&
    (query.definition === undefined || spec.value.definition.name === query.definition) &&
    hasLabels(spec.value.labels, query.label)
  );
}
