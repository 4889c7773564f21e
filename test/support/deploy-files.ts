import { etcdRolesDocument } from '../../src/processes/deploy';
import { mongoRolesScript } from '../../src/stores/mongo/rights';

/** Files of deploy/ that follow from the code, with Berth's default for the prefix. */
export function deployFiles(): Readonly<Record<string, string>> {
  return { 'deploy/etcd/roles.json': etcdRolesDocument('/ccm/'), 'deploy/mongodb/roles.js': mongoRolesScript() };
}
