import { randomBytes } from 'node:crypto';
import type { WorkerStep } from '../../../src/domain/worker-steps';
import { workerSteps } from '../../../src/domain/worker-steps';
import type { InstanceReply } from '../../support/client';
import { noopComponent } from '../../support/client';
import type { FaultStack } from '../harness/fault-stack';
import type { SteadyClient } from '../harness/steady-client';
import { plantGeneration } from './plant-generation';
import type { Course, Row } from './row';
import { arrivalTimeoutMs, madeBefore } from './row';

interface WorkerReply {
  readonly id: string;
  readonly generation: number;
  readonly status: { readonly phase: string; readonly observedGeneration: number };
}

/** What the test build's provider knows a worker by that it refuses to make. */
const refusedPort = 1_024;

/** A change of the compiled provider: a failing one is needed, and none that there is fails at once. */
export const refusingProvider = {
  file: 'drivers/providers/local.js',
  find: "request.heartbeat('starting the agent process');",
  replace: `if (portRange.from === ${refusedPort}) throw new provider_1.ProviderError('configuration', 'Refused', 'the provider refuses');`,
};

export const workerStepNames = Object.keys(workerSteps);

/** A row for each step of a worker's lifecycle. A new step has none here, and does not compile until it has one. */
export async function workerRows(stack: FaultStack, api: SteadyClient): Promise<readonly Row[]> {
  const template = (name: string, from: number) =>
    api.must('POST', '/worker-templates', {
      name,
      description: '',
      provider: 'local',
      capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' },
      portRange: { from, to: from + 99 },
      labels: { fleet: name },
    });
  await template('spare', refusedPort + 1_000);
  await template('refused', refusedPort);

  const reaches = (id: string, phase: string) => api.reaches('workers', id, phase, arrivalTimeoutMs);
  const make = async (name: string, labels = {}) => (await api.must<WorkerReply>('POST', '/workers', { template: name, labels })).id;
  const running = async () => {
    const id = await make('spare');
    await reaches(id, 'RUNNING');
    return id;
  };
  const failed = async () => {
    const id = await make('refused');
    await reaches(id, 'FAILED');
    return id;
  };
  const terminate = (id: string) => api.must('DELETE', `/workers/${id}`);
  const row = (prepare: () => Promise<string>, trigger: (id: string) => Promise<unknown>, arrivesIn: string) =>
    madeBefore(prepare, trigger, (id) => reaches(id, arrivesIn));
  const held = new Map<string, string>();
  /** A worker that holds an instance, so that it has to be drained. */
  const holding = async () => {
    const own = randomBytes(4).toString('hex');
    const id = await make('spare', { own });
    await reaches(id, 'RUNNING');
    const definition = await api.define({ components: [noopComponent], constraints: { labels: { own } } });
    const instance = await api.must<InstanceReply>('POST', '/instances', { definition });
    await api.reaches('instances', instance.id, 'RUNNING', arrivalTimeoutMs);
    held.set(id, instance.id);
    return id;
  };

  const rows: Record<WorkerStep, Course> = {
    provision: { prepare: async () => undefined, trigger: () => make('spare'), arrive: (id) => reaches(id, 'RUNNING') },
    drain: row(holding, terminate, 'DRAINING'),
    destroy: row(running, terminate, 'TERMINATED'),
    undo: { prepare: async () => undefined, trigger: () => make('refused'), arrive: (id) => reaches(id, 'FAILED') },
    finish: row(failed, terminate, 'TERMINATED'),
    retry: row(failed, (id) => api.must('POST', `/workers/${id}/retry`), 'FAILED'),
    acknowledge: {
      ...row(running, (id) => plantGeneration(stack, 'workers', id), 'RUNNING'),
      arrive: (id) => api.until('the generation is observed', () => isAcknowledged(id), arrivalTimeoutMs),
    },
  };
  const isAcknowledged = async (id: string) => {
    const { generation, status } = await api.read<WorkerReply>(`/workers/${id}`);
    return status.observedGeneration === generation;
  };
  const end = async (id: string) => {
    const instanceId = held.get(id);
    if (instanceId !== undefined) await api.must('DELETE', `/instances/${instanceId}`);
    await terminate(id);
    await reaches(id, 'TERMINATED');
  };
  return Object.entries(rows).map(([step, each]) => ({ ...each, step, collection: 'workers' as const, end }));
}
