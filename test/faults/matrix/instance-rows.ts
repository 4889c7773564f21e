import type { InstanceStep } from '../../../src/domain/instance-steps';
import { instanceSteps } from '../../../src/domain/instance-steps';
import type { InstanceReply } from '../../support/client';
import type { FaultStack } from '../harness/fault-stack';
import type { SteadyClient } from '../harness/steady-client';
import { plantGeneration } from './plant-generation';
import type { Course, Row } from './row';
import { arrivalTimeoutMs, madeBefore } from './row';

export const instanceStepNames = Object.keys(instanceSteps);

/** A row for each step of an instance's lifecycle. A new step has none here, and does not compile until it has one. */
export async function instanceRows(stack: FaultStack, api: SteadyClient): Promise<readonly Row[]> {
  const definition = await api.define({
    components: [stack.runs.component()],
    constraints: { labels: { fleet: 'steady' } },
    retry: { maxAttempts: 1, initialBackoff: '100ms', maxBackoff: '100ms' },
  });
  const act = (id: string, verb: string) => api.must(verb === 'terminate' ? 'DELETE' : 'POST', `/instances/${id}${verb === 'terminate' ? '' : `/${verb}`}`);
  const reaches = (id: string, phase: string) => api.reaches('instances', id, phase, arrivalTimeoutMs);

  const running = async () => {
    const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
    await reaches(id, 'RUNNING');
    // RUNNING says that its process is there; that it has written itself down comes after.
    await api.until(`${id} has written down its start`, async () => stack.runs.startsOf(id).length > 0);
    return id;
  };
  const stopped = async () => {
    const id = await running();
    await act(id, 'stop');
    await reaches(id, 'STOPPED');
    return id;
  };
  const failed = async () => {
    const id = await stopped();
    stack.runs.failsFor(id, true);
    await act(id, 'start');
    await reaches(id, 'FAILED');
    stack.runs.failsFor(id, false);
    return id;
  };
  const row = (prepare: () => Promise<string>, trigger: (id: string) => Promise<unknown>, arrivesIn: string) =>
    madeBefore(prepare, trigger, (id) => reaches(id, arrivesIn));

  const rows: Record<InstanceStep, Course> = {
    schedule: row(failed, (id) => act(id, 'retry'), 'RUNNING'),
    start: row(stopped, (id) => act(id, 'start'), 'RUNNING'),
    restart: { ...row(running, async (id) => stack.runs.kill(id), 'RUNNING'), arrive: (id) => api.until('a second run', async () => stack.runs.startsOf(id).length > 1 && (await isRunning(id)), arrivalTimeoutMs) },
    stop: row(running, (id) => act(id, 'stop'), 'STOPPED'),
    remove: row(running, (id) => act(id, 'terminate'), 'TERMINATED'),
    undo: row(
      stopped,
      async (id) => {
        stack.runs.failsFor(id, true);
        await act(id, 'start');
      },
      'FAILED',
    ),
    finish: row(failed, (id) => act(id, 'terminate'), 'TERMINATED'),
    retry: row(failed, (id) => act(id, 'retry'), 'RUNNING'),
    acknowledge: {
      ...row(running, (id) => plantGeneration(stack, 'instances', id), 'RUNNING'),
      arrive: (id) => api.until('the generation is observed', () => isAcknowledged(id), arrivalTimeoutMs),
    },
  };
  const isRunning = async (id: string) => (await api.read<InstanceReply>(`/instances/${id}`)).status.phase === 'RUNNING';
  const isAcknowledged = async (id: string) => {
    const { generation, status } = await api.read<InstanceReply>(`/instances/${id}`);
    return status.observedGeneration === generation;
  };
  const end = async (id: string) => {
    await act(id, 'terminate');
    await reaches(id, 'TERMINATED');
  };
  return Object.entries(rows).map(([step, each]) => ({ ...each, step, collection: 'instances' as const, end }));
}
