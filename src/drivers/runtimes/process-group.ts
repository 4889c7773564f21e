import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killConfirmMsMax } from '../../domain/limits';
import type { StopPolicy } from '../../domain/definition';
import { findByEnvironment, identify, isAlive, isGroupAlive, signalGroup, signalProcess, type ProcessIdentity } from './process-table';
import { ProcessRecords } from './process-records';
import { instanceDirectory } from './host-directory';
import { RuntimeFailure } from './runtime';

/** Set for every process of an instance and inherited by its children: it tells who belongs to whom when no record does. */
export const markerVariable = 'BERTH_INSTANCE_DIRECTORY';

/**
 * Ends the process group that a process leads or led: asks, waits as long as the policy says, kills.
 * Resolves once nothing of the group runs any more.
 */
export async function endGroup(leader: ProcessIdentity, policy: StopPolicy): Promise<void> {
  const group = leader.pid;
  // A number is given to a new process only when the group of that number is gone.
  const now = identify(group);
  if (now && now.startTime !== leader.startTime) return;
  if (signalGroup(group, policy.signal) && (await isGoneWithin(() => !isGroupAlive(group), policy.graceMs))) return;
  signalGroup(group, 'SIGKILL');
  if (await isGoneWithin(() => !isGroupAlive(group), killConfirmMsMax)) return;
  throw new RuntimeFailure('host', 'ProcessNotEnding', `process group ${group} still runs ${killConfirmMsMax} ms after SIGKILL`);
}

/** Kills what an agent, dead or restarted, left behind of one instance. */
export function reapInstance(agentDirectory: string, instanceId: string): Promise<void> {
  const directory = instanceDirectory(agentDirectory, instanceId);
  return reap(agentDirectory, [instanceId], (marker) => marker === directory);
}

/** Kills what a dead agent left behind of all its instances. */
export function reapAllInstances(agentDirectory: string): Promise<void> {
  const directories = path.join(agentDirectory, 'instances') + path.sep;
  return reap(agentDirectory, new ProcessRecords(agentDirectory).instances(), (marker) => marker.startsWith(directories));
}

/**
 * Kills recorded groups whose leader is still the recorded process, and on Linux whoever carries the marker,
 * recorded or not: the child of a leader that is gone, or what was started in the moment before a crash.
 */
async function reap(agentDirectory: string, instanceIds: readonly string[], isOurs: (marker: string) => boolean): Promise<void> {
  const records = new ProcessRecords(agentDirectory);
  const leaders = instanceIds.flatMap((instanceId) => records.list(instanceId)).filter(isAlive);
  for (const { pid } of leaders) signalGroup(pid, 'SIGKILL');

  const isGone = (): boolean => {
    const strays = findByEnvironment(markerVariable, isOurs);
    for (const pid of strays) signalProcess(pid, 'SIGKILL');
    return strays.length === 0 && !leaders.some(({ pid }) => isGroupAlive(pid));
  };
  if (!(await isGoneWithin(isGone, killConfirmMsMax))) {
    throw new RuntimeFailure('host', 'ProcessNotEnding', `processes of ${instanceIds.join(', ')} still run ${killConfirmMsMax} ms after SIGKILL`);
  }
  for (const instanceId of instanceIds) records.removeAll(instanceId);
}

/** Asks at growing intervals, since most processes end within a few milliseconds and some take their whole grace. */
async function isGoneWithin(isGone: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let delayMs = 1; !isGone(); delayMs = Math.min(delayMs * 2, 100)) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) return false;
    await sleep(Math.min(delayMs, remainingMs));
  }
  return true;
}
