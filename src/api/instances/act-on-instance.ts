import { Inject, Injectable } from '@nestjs/common';
import type { InstanceVerb } from '../../domain/admission';
import { actOnInstance } from '../../domain/admission';
import { instanceSpecDecision } from '../../stores/etcd/decisions';
import type { InstanceEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';

/** Admits start, stop, retry and terminate. */
@Injectable()
export class InstanceActs {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
  ) {}

  act(verb: InstanceVerb, id: string, context: RequestContext): Promise<Admitted<InstanceEntries>> {
    const { fresh } = this.dependencies;
    return this.admission.admit<InstanceEntries, InstanceEntries>({
      context,
      object: { kind: 'Instance', id },
      mintedId: mintId('command'),
      isNewWork: verb === 'start' || verb === 'retry',
      look: () => fresh.instance(id),
      decide: (seen, admission) => {
        requireMatch(context, seen.spec);
        const spec = admittedBy(actOnInstance(verb, { spec: seen.spec.value, status: seen.status.value }, admission));
        if (spec === undefined) return undefined;
        return { decision: instanceSpecDecision(seen, spec, verb), after: (revision) => ({ ...seen, spec: { value: spec, revision } }) };
      },
      read: (instanceId) => fresh.instance(instanceId),
    });
  }
}
