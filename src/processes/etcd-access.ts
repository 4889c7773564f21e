import { readFileSync } from 'node:fs';
import type { EtcdAccess, EtcdTls } from '../stores/etcd/access';

/** As settings have it. */
export interface EtcdAccessSettings {
  readonly etcdAccess?: EtcdAccess;
  readonly etcdMaintenanceAccess?: EtcdAccess;
}

/**
 * Reads who this process is to etcd, with its password and certificates, from the files that the environment names: what is
 * in a variable shows in lists of processes, in crash reports and to every child. Adds what is wrong to `problems`.
 */
export function etcdAccessOf(environment: NodeJS.ProcessEnv, problems: string[]): EtcdAccessSettings {
  const file = fileReader(environment, problems);
  const [ca, cert, key] = [file('BERTH_ETCD_CA_FILE'), file('BERTH_ETCD_CERT_FILE'), file('BERTH_ETCD_KEY_FILE')];
  if ((cert === undefined) !== (key === undefined)) problems.push('BERTH_ETCD_CERT_FILE and BERTH_ETCD_KEY_FILE go together');
  if ((ca ?? cert) !== undefined && /(^|,)http:/.test(environment['BERTH_ETCD_ENDPOINTS'] ?? '')) problems.push('BERTH_ETCD_ENDPOINTS names http:// beside certificates for etcd, expected https://');
  const tls: EtcdTls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const secured = Object.keys(tls).length > 0 ? { tls } : {};
  const userOf = (nameVariable: string, passwordVariable: string): EtcdAccess['user'] => {
    const name = environment[nameVariable]?.trim();
    const password = file(passwordVariable)?.toString('utf8').trim();
    if (!name && password === undefined) return undefined;
    if (!name || password === undefined) problems.push(`${nameVariable} and ${passwordVariable} go together`);
    if (password === '') problems.push(`the file of ${passwordVariable} is empty`);
    return { name: name ?? '', password: password ?? '' };
  };
  const user = userOf('BERTH_ETCD_USERNAME', 'BERTH_ETCD_PASSWORD_FILE');
  const maintainer = userOf('BERTH_ETCD_MAINTENANCE_USERNAME', 'BERTH_ETCD_MAINTENANCE_PASSWORD_FILE');
  return {
    etcdAccess: { ...secured, ...(user && { user }) },
    ...(maintainer && { etcdMaintenanceAccess: { ...secured, user: maintainer } }),
  };
}

/** Reads the file that a variable names; undefined where it names none, or one that cannot be read, which is a problem. */
export function fileReader(environment: NodeJS.ProcessEnv, problems: string[]): (variable: string) => Buffer | undefined {
  return (variable) => {
    const path = environment[variable]?.trim();
    if (!path) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      problems.push(`the file of ${variable} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
}
