import { Inject, Injectable } from '@nestjs/common';
import type { InstanceVerb } from '../../domain/admission';
import { actOnInstance } from '../../domain/admission';
import { instanceSpecDecision } from '../../stores/etcd/decisions';
import type { InstanceEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import type { Admitted } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';

/** Admits start, stop, retry and terminate. */
@Injectable()
export class InstanceActs {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Archive) private readonly archive: Archive,
  ) {}

  act(verb: InstanceVerb, id: string, context: RequestContext): Promise<Admitted<InstanceEntries>> {
    return this.admission.admit<InstanceEntries, InstanceEntries>({
      context,
      object: { kind: 'Instance', id },
      mintedId: mintId('command'),
      isNewWork: verb === 'start' || verb === 'retry',
      look: () => this.archive.instance(id),
      decide: (seen, admission) => {
        requireMatch(context, seen.spec);
        if (seen.archived && verb === 'terminate') return undefined;
        requireLive(seen);
        const spec = admittedBy(actOnInstance(verb, { spec: seen.spec.value, status: seen.status.value }, admission));
        if (spec === undefined) return undefined;
        return { decision: instanceSpecDecision(seen, spec, verb), after: (revision) => ({ ...seen, spec: { value: spec, revision } }) };
      },
      read: (instanceId) => this.archive.instance(instanceId),
    });
  }
}
