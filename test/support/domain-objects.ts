import type { AdmissionContext, NewInstance } from '../../src/domain/admission';
import { admitInstance } from '../../src/domain/admission';
import type { DefinitionBody, DefinitionSpec } from '../../src/domain/definition';
import { admitDefinition } from '../../src/domain/definition-admission';
import type { Allocation, InstanceView } from '../../src/domain/instance';
import type { Observation } from '../../src/domain/plan';
import { retryPolicyDefault } from '../../src/domain/retry';
import type { Operation } from '../../src/domain/status';
import type { WorkerView } from '../../src/domain/worker';
import { admitTemplate, admitWorker } from '../../src/domain/worker-admission';

/** When everything in these tests begins. */
export const startMs = Date.parse('2026-11-21T10:00:00.000Z');

/** ISO 8601 of so many milliseconds after the beginning. */
export function at(ms: number): string {
  return new Date(startMs + ms).toISOString();
}

/** Somebody asks, so many milliseconds after the beginning. */
export function asking(ms = 0, mintedId = 'minted'): AdmissionContext {
  return { nowMs: startMs + ms, mintedId, owner: { org: 'default', project: 'default' }, cause: { actor: 'user:test' } };
}

export const definitionBody: DefinitionBody = {
  schemaVersion: 1,
  name: 'lab',
  version: '1.0.0',
  description: '',
  labels: {},
  components: [],
  ports: [],
  files: {},
  constraints: { labels: {} },
  restart: { policy: 'on-failure' },
  retry: retryPolicyDefault,
};

export function definitionSpec(): DefinitionSpec {
  return admitDefinition(definitionBody, 'sha256-of-it', asking(0, 'd-1')).spec;
}

/** A new instance: PENDING, with one port and every default, but for what is said. */
export function newInstance(differences: Partial<NewInstance> = {}, id = 'i-1'): InstanceView {
  const wanted: NewInstance = {
    definition: definitionSpec(),
    resources: { cpuMillicores: 100, memoryMib: 64, storageMib: 16 },
    ports: [{ name: 'console', protocol: 'tcp' }],
    constraints: { labels: {} },
    labels: {},
    priority: 0,
    restart: { policy: 'on-failure' },
    retry: retryPolicyDefault,
    ...differences,
  };
  return admitInstance(wanted, asking(0, id));
}

export function allocationOf(view: InstanceView, allocationId = 'a-1', workerId = 'w-1'): Allocation {
  return { schemaVersion: 1, allocationId, workerId, ports: { console: 2000 }, resources: view.spec.resources, allocatedAt: at(0) };
}

/** What the host saw of the allocation and attempt that the view is about. */
export function observationOf(view: InstanceView, state: Observation['state'], differences: Partial<Observation> = {}): Observation {
  return {
    schemaVersion: 1,
    allocationId: view.allocation?.allocationId ?? 'a-1',
    workerId: 'w-1',
    attempt: view.status.attempt,
    planRevision: '1',
    state,
    components: {},
    observedAt: at(0),
    ...differences,
  };
}

export function operation(step: string, state: Operation['state'], differences: Partial<Operation> = {}): Operation {
  return { id: 'op-1', step, attempt: 1, state, startedAt: at(0), deadlineAt: at(60_000), ...differences };
}

/** The view with parts of its status replaced. */
export function withStatus(view: InstanceView, status: Partial<InstanceView['status']>): InstanceView {
  return { ...view, status: { ...view.status, ...status } };
}

/** The view with parts of its spec replaced. */
export function withSpec(view: InstanceView, spec: Partial<InstanceView['spec']>): InstanceView {
  return { ...view, spec: { ...view.spec, ...spec } };
}

/** A new worker: PENDING, offline. */
export function newWorker(id = 'w-1'): WorkerView {
  const template = admitTemplate(
    {
      name: 'small',
      description: '',
      provider: 'local',
      capacity: { cpuMillicores: 4000, memoryMib: 4096, storageMib: 10_000 },
      cpuRatio: 4,
      portRange: { from: 2000, to: 2099 },
      workerLabels: { zone: 'a' },
      provisionTimeoutMs: 60_000,
      labels: {},
    },
    asking(0, 't-1'),
  );
  return { ...admitWorker(template, { name: id, labels: {} }, asking(0, id)), online: false };
}
