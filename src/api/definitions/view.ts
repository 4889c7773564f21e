import type { DefinitionBody } from '../../domain/definition';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { headerView } from '../http/views';
import type { DefinitionView } from './api-schemas';

/** A definition version as it is shown; `body` where a single one is. */
export function viewOfDefinition({ spec, status, archived }: DefinitionEntries, revision: number, body?: DefinitionBody): DefinitionView {
  const { name, version, contentHash, artifact } = spec.value;
  const { phase, message, observedGeneration, updatedAt, artifact: facts } = status.value;
  return {
    ...headerView(spec, { resourceVersion: resourceVersion(spec, status), revision, archived }),
    spec: { name, version, contentHash, ...(artifact && { artifact }) },
    status: { phase, message, observedGeneration, updatedAt, ...(facts && { artifact: facts }) },
    ...(body && { document: body }),
  };
}
