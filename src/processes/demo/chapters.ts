import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Berth, EventAnswer, InstanceAnswer, WorkerAnswer } from './berth';
import { BerthError } from './berth';
import type { Narrator } from './narrator';
import { visitClosed, visitConsole, visitHttp } from './visits';

/** What every chapter needs. */
export interface DemoContext {
  readonly berth: Berth;
  readonly tell: Narrator;
  readonly examplesDirectory: string;
  /** A directory of the demo's own, for the file that mends the failing start. */
  readonly scratchDirectory: string;
}

/** Asks for a worker from a template, and waits until its agent has registered. */
export async function makeWorker({ berth, tell, examplesDirectory }: DemoContext): Promise<WorkerAnswer> {
  tell.chapter('A worker, made from a template by a durable workflow');
  const template = await berth.post<{ spec: { name: string } }>('/worker-templates', readFileSync(join(examplesDirectory, 'worker-template.json'), 'utf8'));
  tell.say(`template ${template.spec.name} registered`);
  const worker = await berth.post<WorkerAnswer>('/workers', { template: template.spec.name, name: 'worker-1' });
  tell.say(`worker ${worker.id} accepted`);
  await berth.follow(`/workers/${worker.id}`, ['RUNNING', 'FAILED'], (answer) => tell.detail(`${answer.status.phase}: ${answer.status.message}`));
  const ready = await berth.get<WorkerAnswer>(`/workers/${worker.id}?waitFor=RUNNING&timeout=1s`);
  tell.say(`worker ${ready.id} is ${ready.status.phase}`);
  return ready;
}

/** Registers the definitions of the examples. */
export async function registerDefinitions({ berth, tell, examplesDirectory, scratchDirectory }: DemoContext): Promise<void> {
  tell.chapter('Definitions: immutable, versioned, checked');
  const read = (name: string) => readFileSync(join(examplesDirectory, name, 'definition.yaml'), 'utf8');
  const gateFile = join(scratchDirectory, 'gate-open');
  const documents = [read('network-lab'), read('two-tier-service'), read('failing-start').replace('GATE_FILE: gate-open', `GATE_FILE: ${JSON.stringify(gateFile)}`)];
  for (const document of documents) {
    const definition = await berth.post<DefinitionAnswer>('/definitions', document, 'application/yaml');
    const { artifact } = definition.status;
    tell.say(`${definition.spec.name} ${definition.spec.version} is ${definition.status.phase}`);
    if (artifact) tell.detail(`topology of ${artifact.nodeCount} devices, SHA-256 ${artifact.sha256.slice(0, 16)}…, ports ${artifact.ports.map((port) => port.name).join(', ')}`);
  }
  const refused = await berth.post('/definitions', { name: 'wrong', version: '1.0', components: [] }).catch((error: unknown) => error);
  if (!(refused instanceof BerthError)) throw new Error('a wrong definition was accepted');
  tell.say(`a wrong one is refused: ${refused.problem.code} — ${refused.problem.detail}`);
}

interface DefinitionAnswer {
  readonly spec: { readonly name: string; readonly version: string };
  readonly status: {
    readonly phase: string;
    readonly artifact?: { readonly nodeCount: number; readonly sha256: string; readonly ports: ReadonlyArray<{ readonly name: string }> };
  };
}

/** Asks for an instance and shows each phase until it runs. */
async function runInstance({ berth, tell }: DemoContext, name: string): Promise<InstanceAnswer> {
  const accepted = await berth.post<InstanceAnswer>('/instances', { definition: { name, version: '1.0.0' } });
  tell.say(`instance ${accepted.id} of ${name} accepted at revision ${accepted.revision}`);
  const running = await berth.follow(`/instances/${accepted.id}`, ['RUNNING', 'FAILED'], (answer) => tell.detail(`${answer.status.phase}: ${answer.status.message}`));
  if (running.status.phase !== 'RUNNING') throw new Error(`instance ${running.id} is ${running.status.phase}: ${running.status.message}`);
  tell.say(`RUNNING on ${running.worker?.name} with ${describePorts(running)}`);
  return running;
}

/** The network lab, twice: each console is visited as telnet would, and nothing collides. */
export async function runLabs(context: DemoContext): Promise<readonly [InstanceAnswer, InstanceAnswer]> {
  const { tell } = context;
  tell.chapter('A network lab: its consoles on allocated ports');
  const first = await runInstance(context, 'network-lab');
  await visitConsoles(context, first);
  tell.chapter('A second instance of the same definition: nothing collides');
  const second = await runInstance(context, 'network-lab');
  const shared = Object.values(second.ports ?? {}).filter((port) => Object.values(first.ports ?? {}).includes(port));
  if (shared.length > 0) throw new Error(`both instances hold port ${shared.join(', ')}`);
  await visitConsoles(context, second);
  await visitConsoles(context, first);
  return [first, second];
}

async function visitConsoles({ tell }: DemoContext, instance: InstanceAnswer): Promise<void> {
  const ports = Object.entries(instance.ports ?? {});
  if (ports.length === 0) throw new Error(`instance ${instance.id} has no ports`);
  const devices = new Set<string>();
  for (const [name, port] of ports) {
    const { device, version } = await visitConsole(hostOf(instance), port);
    tell.detail(`telnet ${hostOf(instance)} ${port}  (${name})  ${device}> show version: ${version}`);
    devices.add(device);
  }
  if (devices.size !== ports.length) throw new Error(`${ports.length} consoles led to ${devices.size} devices`);
}

/** The service of two components, asked as a client would. */
export async function runService(context: DemoContext): Promise<InstanceAnswer> {
  context.tell.chapter('A service of two components: web server and background process');
  const service = await runInstance(context, 'two-tier-service');
  const url = `http://${hostOf(service)}:${service.ports?.['http']}/`;
  context.tell.detail(`GET ${url}: ${await visitHttp(url, service.id)}`);
  return service;
}

/** A start that fails until what it needs is there: bounded attempts, FAILED, and a retry that mends it. */
export async function mendFailure({ berth, tell, scratchDirectory }: DemoContext): Promise<InstanceAnswer> {
  tell.chapter('A start that fails on purpose, mended by retry');
  const accepted = await berth.post<InstanceAnswer>('/instances', { definition: { name: 'failing-start', version: '1.0.0' } });
  const show = (answer: InstanceAnswer) => tell.detail(`${answer.status.phase}: ${answer.status.message}`);
  const failed = await berth.follow(`/instances/${accepted.id}`, ['FAILED', 'RUNNING'], show);
  if (failed.status.phase !== 'FAILED') throw new Error(`instance ${failed.id} should have failed`);
  if (failed.ports !== undefined) throw new Error('a failed instance still holds ports');
  tell.say('FAILED: it holds no process, port or capacity; now its gate is opened, and a retry asked for');
  writeFileSync(join(scratchDirectory, 'gate-open'), '');
  await berth.post(`/instances/${failed.id}/retry`);
  const mended = await berth.follow(`/instances/${failed.id}?waitFor=RUNNING&timeout=30s`, ['RUNNING'], show);
  const url = `http://${hostOf(mended)}:${mended.ports?.['http']}/`;
  tell.say(`RUNNING; GET ${url}: ${await visitHttp(url, 'the gate is open')}`);
  return mended;
}

/** Stops, then terminates: the ports fall silent and everything is given back. */
export async function endAll({ berth, tell }: DemoContext, worker: WorkerAnswer, instances: readonly InstanceAnswer[]): Promise<void> {
  tell.chapter('Stop, terminate: everything is given back');
  const [first] = instances;
  if (first === undefined) return;
  await berth.post(`/instances/${first.id}/stop?waitFor=STOPPED&timeout=30s`);
  for (const port of Object.values(first.ports ?? {})) await visitClosed(hostOf(first), port);
  tell.say(`${first.id} is STOPPED: its consoles are closed, its ports still its own`);
  for (const { id } of instances) await berth.delete(`/instances/${id}?waitFor=TERMINATED&timeout=30s`);
  tell.say(`${instances.length} instances are TERMINATED`);
  const capacity = await berth.get<CapacityAnswer>(`/workers/${worker.id}/capacity`);
  const { cpuMillicores, memoryMib } = capacity.allocated;
  if (capacity.instances !== 0 || cpuMillicores !== 0 || memoryMib !== 0) throw new Error(`the worker's ledger is not back to zero: ${JSON.stringify(capacity)}`);
  tell.say(`the worker's ledger is back to zero: ${memoryMib} MiB, ${cpuMillicores} millicores, ${capacity.instances} instances`);
  await berth.delete(`/workers/${worker.id}?waitFor=TERMINATED&timeout=30s`);
  tell.say(`worker ${worker.id} is TERMINATED: its agent is gone`);
}

interface CapacityAnswer {
  readonly instances: number;
  readonly allocated: { readonly cpuMillicores: number; readonly memoryMib: number };
}

/** The instance's events, all of them. */
export async function eventsOf({ berth }: DemoContext, instance: InstanceAnswer): Promise<readonly EventAnswer[]> {
  const page = await berth.get<{ items: readonly EventAnswer[] }>(`/instances/${instance.id}/events?limit=200`);
  return page.items;
}

function describePorts(instance: InstanceAnswer): string {
  return Object.entries(instance.ports ?? {})
    .map(([name, port]) => `${name}=${port}`)
    .join(', ');
}

function hostOf(instance: InstanceAnswer): string {
  return instance.address ?? '127.0.0.1';
}
