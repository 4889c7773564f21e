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

/**
 * Kills everything that an agent, dead or restarted, left behind of one instance: recorded groups whose leader is
 * still the recorded process, and on Linux whoever carries the instance's marker, recorded or not.
 */
export async function reapInstance(agentDirectory: string, instanceId: string): Promise<void> {
  const records = new ProcessRecords(agentDirectory);
  const marker = instanceDirectory(agentDirectory, instanceId);
  const groups = records.list(instanceId).filter(isAlive).map((record) => record.pid);
  for (const group of groups) signalGroup(group, 'SIGKILL');

  const isGone = (): boolean => {
    const strays = findByEnvironment(markerVariable, marker);
    for (const pid of strays) signalProcess(pid, 'SIGKILL');
    return strays.length === 0 && !groups.some(isGroupAlive);
  };
  if (!(await isGoneWithin(isGone, killConfirmMsMax))) {
    throw new RuntimeFailure('host', 'ProcessNotEnding', `processes of ${instanceId} still run ${killConfirmMsMax} ms after SIGKILL`);
  }
  records.removeAll(instanceId);
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
