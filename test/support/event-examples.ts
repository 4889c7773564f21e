import { admitPrincipal, admitToken } from '../../src/domain/access-admission';
import type { Act } from '../../src/domain/admission';
import { actOnInstance, instanceVerbs } from '../../src/domain/admission';
import type { DefinitionStatus } from '../../src/domain/definition';
import { activateDefinition, admitDefinition, deleteDefinition, deprecateDefinition } from '../../src/domain/definition-admission';
import type { CloudEvent } from '../../src/domain/events';
import { toCloudEvent } from '../../src/domain/events';
import { changePrincipal, closePrincipal } from '../../src/domain/granting';
import { platformOrg } from '../../src/domain/header';
import type { InstanceView } from '../../src/domain/instance';
import type { InstanceChange, Moment } from '../../src/domain/instance-changes';
import { begin, complete, queued, retried, scheduled } from '../../src/domain/instance-changes';
import { patchInstance, patchWorker } from '../../src/domain/mutable-spec';
import type { InstancePhase, WorkerPhase } from '../../src/domain/phases';
import { instancePhases, workerPhases } from '../../src/domain/phases';
import { scopes } from '../../src/domain/scopes';
import { replaceToken, revokeToken } from '../../src/domain/token-admission';
import { admitOrg, admitProject, changeTenant } from '../../src/domain/tenancy-admission';
import type { OrgSpec, ProjectSpec } from '../../src/domain/tenancy';
import type { WorkerView } from '../../src/domain/worker';
import { actOnWorker, admitTemplate, workerVerbs } from '../../src/domain/worker-admission';
import type { WorkerChange } from '../../src/domain/worker-changes';
import { beginDestroy, beginProvision, destroyed, draining, provisioned, undone, workerAcknowledged, workerRetried } from '../../src/domain/worker-changes';
import { principalCreation, principalDecision, principalRetirement, tokenCreation, tokenDecision, tokensRetirement } from '../../src/stores/etcd/access-decisions';
import type { Decision } from '../../src/stores/etcd/commit';
import { createDecision, definitionStatusDecision, instanceSpecDecision, workerSpecDecision } from '../../src/stores/etcd/decisions';
import { instanceDecision, workerDecision } from '../../src/stores/etcd/lifecycle-decisions';
import type { DefinitionEntries, InstanceEntries, WorkerEntries } from '../../src/stores/etcd/objects';
import { retirementDecision } from '../../src/stores/etcd/retirement-decision';
import { templateRetirement } from '../../src/stores/etcd/template-decisions';
import type { TenantChange } from '../../src/stores/etcd/tenancy-decisions';
import { tenantCreation, tenantDecision, tenantRetirement } from '../../src/stores/etcd/tenancy-decisions';
import { allocationOf, asking, definitionBody, newInstance, newWorker, observationOf, operation, startMs, withSpec, withStatus } from './domain-objects';

const moment: Moment = { nowMs: startMs + 1_000, operationId: 'op-1' };
const commit = { step: 'step', outcome: 'complete', actor: 'lifecycle', workflowRun: 'run-1' };
const asked = { time: new Date(startMs + 1_000).toISOString(), cause: { actor: 'user:test' } };
const retiring = { time: new Date(startMs + 1_000).toISOString(), workflowRun: 'run-1' };
const rolledBack = { rolledBackTo: { revision: '3', sequence: 1 }, message: 'rolled back to revision 3, event 1' };

/** What today's decisions say of every type of event, at fixed times and with fixed ids. */
export function todaysEvents(): CloudEvent[] {
  const decisions = [...ofInstances(), ...ofWorkers(), ...ofDefinitions(), ...ofTemplates(), ...ofTenants(), ...ofPrincipals(), ...ofTokens()];
  return decisions.flatMap(({ events }) => events.map((event) => uncharged(toCloudEvent({ ...event, epoch: 1, revision: '7', index: 0 }))));
}

/** As of an object that was admitted before anything was charged: a field that may be absent makes no other shape. */
function uncharged(event: CloudEvent): CloudEvent {
  const { spec } = event.data as { spec?: { charged?: true } };
  if (!spec) return event;
  const { charged: _charged, ...rest } = spec;
  return { ...event, data: { ...event.data, spec: rest } };
}

function ofInstances(): Decision[] {
  const fresh = newInstance({ labels: { team: 'a' }, maxDurationMs: 3_600_000 });
  const placed = { ...fresh, allocation: allocationOf(fresh) };
  const started = withStatus(placed, { phase: 'INSTANTIATING', attempt: 1, operation: operation('start', 'acting'), undo: [{ step: 'start', undo: 'remove', attempt: 1 }] });
  const running = withStatus(started, { phase: 'RUNNING', operation: undefined });
  const failed = withStatus(fresh, { phase: 'FAILED' });
  const notYet = (phase: InstancePhase): [InstanceView, InstanceChange] => [running, { status: { ...running.status, phase } }];
  const byPhase: Record<InstancePhase, [InstanceView, InstanceChange]> = {
    PENDING: [failed, retried(withSpec(failed, { command: { id: 'c-1', kind: 'retry', generation: 1 } }), moment)],
    SCHEDULED: [fresh, scheduled(fresh, allocationOf(fresh), moment)],
    INSTANTIATING: [withStatus(placed, { phase: 'SCHEDULED' }), begin('start', placed, moment)],
    RUNNING: [started, complete('start', { ...started, observed: observationOf(started, 'running') }, moment)],
    COLLECTING: notYet('COLLECTING'),
    GRADING: notYet('GRADING'),
    STOPPING: [running, begin('stop', running, moment)],
    STOPPED: [withStatus(running, { phase: 'STOPPING' }), complete('stop', running, moment)],
    ARCHIVED: notYet('ARCHIVED'),
    TERMINATED: [withStatus(running, { phase: 'STOPPING' }), complete('remove', running, moment)],
    FAILED: [started, complete('undo', started, moment)],
  };
  const waiting = queued(fresh, 'no worker has room', moment);
  const verbs = Object.keys(instanceVerbs) as Array<keyof typeof instanceVerbs>;
  const asked = verbs.map((verb) => {
    const view = withStatus(running, { phase: instanceVerbs[verb][0]! });
    return instanceSpecDecision(instanceEntries(view), admitted(actOnInstance(verb, view, asking(1_000))), verb);
  });
  const patched = admitted(patchInstance({ labels: { team: 'b' }, paused: true }, running, asking(1_000)));
  return [
    createDecision({ header: fresh.spec, puts: { spec: fresh.spec, state: fresh.status }, eventType: 'berth.instance.created' }),
    ...instancePhases.map((phase) => {
      const [view, change] = byPhase[phase];
      const worker = change.allocate ? { worker: workerEntries(newWorker()) } : {};
      return instanceDecision(instanceEntries(view), change, { ...commit, ...worker });
    }),
    instanceDecision(instanceEntries(fresh), waiting, commit),
    retirementDecision('instances', instanceEntries(fresh), retiring),
    ...asked,
    instanceSpecDecision(instanceEntries(running), patched, 'patch'),
    instanceSpecDecision(instanceEntries(running), patched, 'rollback', rolledBack),
  ];
}

function ofWorkers(): Decision[] {
  const fresh = newWorker();
  const at = (phase: WorkerPhase): WorkerView => ({ ...fresh, status: { ...fresh.status, phase } });
  const byPhase: Record<WorkerPhase, [WorkerView, WorkerChange]> = {
    PENDING: [at('FAILED'), workerRetried(at('FAILED'), moment)],
    PROVISIONING: [fresh, beginProvision(fresh, { externalId: 'host-1', agentTokenHash: 'f'.repeat(64) }, moment)],
    RUNNING: [at('PROVISIONING'), provisioned(at('PROVISIONING'), {}, moment)],
    DRAINING: [at('RUNNING'), draining(at('RUNNING'), moment)],
    STOPPING: [at('RUNNING'), beginDestroy(at('RUNNING'), moment)],
    STOPPED: [at('STOPPING'), { status: { ...fresh.status, phase: 'STOPPED' } }],
    TERMINATED: [at('STOPPING'), destroyed(at('STOPPING'), moment)],
    FAILED: [at('PROVISIONING'), undone(at('PROVISIONING'), moment)],
  };
  const asked = workerVerbs.map((verb) => workerSpecDecision(workerEntries(at('FAILED')), admitted(actOnWorker(verb, at('FAILED'), asking(1_000))), verb));
  const patched = admitted(patchWorker({ paused: true }, fresh, asking(1_000)));
  return [
    createDecision({ header: fresh.spec, puts: { spec: fresh.spec, state: fresh.status }, eventType: 'berth.worker.created' }),
    ...workerPhases.map((phase) => workerDecision(workerEntries(byPhase[phase][0]), byPhase[phase][1], commit)),
    workerDecision(workerEntries(fresh), workerAcknowledged(fresh, moment), commit),
    retirementDecision('workers', workerEntries(fresh), retiring),
    ...asked,
    workerSpecDecision(workerEntries(fresh), patched, 'patch'),
    workerSpecDecision(workerEntries(fresh), patched, 'rollback', rolledBack),
  ];
}

function ofDefinitions(): Decision[] {
  const artifact = { uri: 'file:a.txt', format: 'text', path: 'a.txt' } as const;
  const { spec, status } = admitDefinition({ ...definitionBody, artifact }, 'e'.repeat(64), asking(0, 'd-1'));
  const move = (act: (seen: { spec: typeof spec; status: DefinitionStatus }) => Act<DefinitionStatus>, from: DefinitionStatus['phase']) => {
    const entries: DefinitionEntries = { id: 'd-1', spec: { value: spec, revision: 3 }, status: { value: { ...status, phase: from }, revision: 3 } };
    return definitionStatusDecision(entries, admitted(act({ spec, status: entries.status.value })), { actor: 'user:test' });
  };
  return [
    createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.definition.created' }),
    move((seen) => activateDefinition(seen, { sha256: 'a'.repeat(64), bytes: 3, nodeCount: 0, ports: [] }, asking(1_000)), 'PENDING_SYNC'),
    move((seen) => deprecateDefinition(seen, asking(1_000)), 'ACTIVE'),
    move((seen) => deleteDefinition(seen, asking(1_000)), 'DEPRECATED'),
    retirementDecision('definitions', { id: 'd-1', spec: { value: spec, revision: 3 }, status: { value: status, revision: 3 } }, retiring),
  ];
}

function ofTemplates(): Decision[] {
  const spec = admitTemplate(
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
  return [createDecision({ header: spec, puts: { spec }, eventType: 'berth.worker-template.created' }), templateRetirement({ id: spec.id, spec: { value: spec, revision: 1 } }, asked)];
}

function ofTenants(): Decision[] {
  const wanted = { name: 'acme', displayName: 'Acme', quota: { instances: 10 } };
  const org = admitOrg(wanted, asking(0, 'o-1'));
  const project = admitProject(wanted, { ...asking(0, 'r-1'), owner: { org: 'o-1', project: 'default' } });
  const changed = <Spec extends OrgSpec | ProjectSpec>(spec: Spec, changes: Partial<Spec>, what: TenantChange) =>
    tenantDecision({ value: spec, revision: 1 }, admitted(changeTenant(changes, spec, asking(1_000))), what);
  const ofBoth = (spec: OrgSpec | ProjectSpec) => [
    tenantCreation(spec),
    changed(spec, { name: 'ajax' }, 'updated'),
    changed(spec, { closing: true }, 'closing'),
    changed<OrgSpec | ProjectSpec>({ ...spec, closing: true }, { closing: false }, 'reopened'),
    tenantRetirement({ value: spec, revision: 1 }, asked),
  ];
  return [
    ...ofBoth(org),
    ...ofBoth(project),
    changed(org, { suspended: true }, 'suspended'),
    changed<OrgSpec>({ ...org, suspended: true }, { suspended: false }, 'resumed'),
  ];
}

const external = { issuer: 'https://issuer.example', subject: 'mia' };

function ofPrincipals(): Decision[] {
  const spec = admitPrincipal({ type: 'user', name: 'mia', roles: ['developer'], scopes: ['audit:read'], projects: ['default'], external }, asking(0, 'p-1'));
  const entry = { value: spec, revision: 3 };
  const platform = { org: platformOrg, scopes: new Set(scopes) };
  return [
    principalCreation(spec, []),
    principalDecision(entry, admitted(changePrincipal(platform, spec, { roles: ['viewer'] }, asking(1_000))), 'updated'),
    principalDecision(entry, admitted(closePrincipal(platform, spec, asking(1_000))), 'closed'),
    principalRetirement(entry, { time: retiring.time, cause: { actor: 'user:test' } }),
  ];
}

function ofTokens(): Decision[] {
  const spec = admitToken({ principal: 'p-1', description: 'of a pipeline', scopes: ['instances:read'], lastsMs: 3_600_000 }, asking(0, 'k-1'));
  const entry = { value: spec, revision: 3 };
  return [
    tokenCreation(spec, 'f'.repeat(64), []),
    tokenDecision(entry, admitted(replaceToken(spec, 'k-2', 60_000, asking(1_000))), 'replaced'),
    tokenDecision(entry, admitted(revokeToken(spec, asking(1_000))), 'revoked'),
    { id: 'tokens/k-1/retire', puts: [], ...tokensRetirement([entry], { time: retiring.time, cause: { actor: 'user:test' } }) },
  ];
}

function admitted<Value>(act: Act<Value>): Value {
  if (act.kind !== 'admitted') throw new Error(`not admitted: ${JSON.stringify(act)}`);
  return act.spec;
}

function instanceEntries({ spec, status, allocation }: InstanceView): InstanceEntries {
  const placed = allocation && { value: allocation, revision: 4 };
  return { id: spec.id, spec: { value: spec, revision: 3 }, status: { value: status, revision: 5 }, allocation: placed, observed: undefined };
}

function workerEntries({ spec, status }: WorkerView): WorkerEntries {
  const absent = { capacity: undefined, ports: undefined, observed: undefined, lease: undefined };
  return { id: spec.id, spec: { value: spec, revision: 3 }, status: { value: status, revision: 5 }, ...absent, plan: new Map() };
}
