import type { PrincipalSpec } from '../../domain/principal';
import type { HeadEntries } from '../access/heads';
import { headerView } from '../http/views';
import type { PrincipalView } from './schemas';

/** A principal as it is shown. */
export function viewOfPrincipal({ spec }: HeadEntries<PrincipalSpec>, revision: number): PrincipalView {
  const { name, type, roles, scopes, projects, external, disabled } = spec.value;
  return {
    ...headerView(spec, { resourceVersion: spec.revision, revision }),
    spec: { name, type, roles, scopes, ...(projects && { projects }), ...(external && { external }), disabled },
  };
}
