import { etcdRolesDocument } from '../../src/processes/deploy';

/** Files of deploy/ that follow from the code, with Berth's defaults for prefix and database. */
export function deployFiles(): Readonly<Record<string, string>> {
  return { 'deploy/etcd/roles.json': etcdRolesDocument('/ccm/') };
}
