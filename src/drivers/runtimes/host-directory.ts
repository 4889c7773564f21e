import path from 'node:path';

/** Where an instance's files are, and where its components run, below the directory of its agent. */
export function instanceDirectory(agentDirectory: string, instanceId: string): string {
  return path.join(agentDirectory, 'instances', pathSegment(instanceId));
}

/** What Berth itself keeps in an instance's directory; the files of a workload stay out of it. */
export const reservedDirectory = '.berth';

/** The output of a component. */
export function logFile(directory: string, component: string): string {
  return path.join(directory, reservedDirectory, 'logs', `${pathSegment(component)}.log`);
}

/** Who was started for whom; outside of the instances' directories, which belong to what runs in them. */
export function processesDirectory(agentDirectory: string): string {
  return path.join(agentDirectory, 'processes');
}

const safeSegment = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether an id or a name may become one segment of a path: neither `..` nor a separator gets through. */
export function isPathSegment(text: string): boolean {
  return safeSegment.test(text);
}

/** Returns its argument, or throws if it may not become a segment of a path. */
export function pathSegment(text: string): string {
  if (!isPathSegment(text)) throw new RangeError(`not usable in a path: ${JSON.stringify(text)}`);
  return text;
}
