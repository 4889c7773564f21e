import { Inject, Injectable } from '@nestjs/common';
import { deleteDefinition, deprecateDefinition } from '../../domain/definition-admission';
import { reaches } from '../../domain/authorization';
import { problemsMax } from '../../domain/limits';
import type { Caller } from '../../domain/principal';
import { definitionStatusDecision } from '../../stores/etcd/decisions';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';

const acts = { deprecate: deprecateDefinition, delete: deleteDefinition } as const;

/** Admits deprecate and delete. */
@Injectable()
export class DefinitionActs {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Archive) private readonly archive: Archive,
  ) {}

  act(verb: keyof typeof acts, id: string, context: RequestContext): Promise<Admitted<DefinitionEntries>> {
    return this.admission.admit<DefinitionEntries, DefinitionEntries>({
      context,
      object: { kind: 'Definition', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: async () => {
        const entries = await this.archive.definition(id);
        if (verb === 'delete' && !entries.archived) await this.cacheHasAllInstances(entries);
        return entries;
      },
      decide: (seen, admission) => {
        requireMatch(context, seen.spec);
        if (seen.archived && verb === 'delete') return undefined;
        requireLive(seen);
        const status = admittedBy(acts[verb]({ spec: seen.spec.value, status: seen.status.value }, admission));
        if (status === undefined) return undefined;
        if (verb === 'delete') this.refuseWhileInUse(id, context.caller);
        const decision = definitionStatusDecision(seen, status, admission.cause);
        return { decision, after: (revision) => ({ ...seen, status: { value: status, revision } }) };
      },
      read: (definitionId) => this.archive.definition(definitionId),
    });
  }

  /**
   * The deprecation closed the door: every admission of an instance compares this status, so whatever was admitted
   * has a lower revision, and a cache that has come so far shows all of it.
   */
  private async cacheHasAllInstances({ status }: DefinitionEntries): Promise<void> {
    await this.reads.upTo({ minRevision: status.revision });
  }

  private refuseWhileInUse(id: string, caller: Caller): void {
    const using = this.dependencies.cached
      .instances()
      .filter(({ spec, status }) => spec.value.definition.id === id && status.value.phase !== 'TERMINATED');
    if (using.length === 0) return;
    // Those in projects that the caller is kept out of count, and are not named.
    const named = using.filter(({ spec }) => reaches(caller, spec.value));
    const instances = named.slice(0, problemsMax).map((instance) => ({ id: instance.id, phase: instance.status.value.phase }));
    throw new ApiProblem('definition_in_use', `${using.length} instances still use it${instances[0] === undefined ? '' : `, such as ${instances[0].id}`}`, { members: { instances } });
  }
}
