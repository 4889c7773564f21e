import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { resources } from '../../src/api/documents/scalars';
import { address, connected, eventually, exampleDefinition, examplesDirectory, RunningExample } from './running-example';

afterEach(() => RunningExample.killAll());

async function get(example: RunningExample, at: string): Promise<Response> {
  return fetch(`http://${address}:${example.port('http')}${at}`);
}

/** As the readiness probe asks. */
async function ready(example: RunningExample, at: string): Promise<void> {
  await eventually(async () => expect((await get(example, at)).status).toBe(200));
}

async function ticksOf(response: Response): Promise<number> {
  return ((await response.json()) as { ticks: number }).ticks;
}

describe('the two-tier service', () => {
  it('shows what its background process does, on both ports', async () => {
    const service = await RunningExample.start(exampleDefinition('two-tier-service'));
    await ready(service, '/healthz');
    await expect((await get(service, '/')).json()).resolves.toMatchObject({ greeting: 'Hello from test-1' });
    const before = await ticksOf(await get(service, '/'));
    await eventually(async () => expect(await ticksOf(await get(service, '/'))).toBeGreaterThan(before));
    expect(Number(await text(await eventually(() => connected(service.port('ticks')))))).toBeGreaterThan(before);
    expect((await get(service, '/none')).status).toBe(404);
    expect(await service.stop()).toEqual([0, 0]);
  });

  it('is not ready while the background process has not begun', async () => {
    const service = await RunningExample.start(exampleDefinition('two-tier-service'), (workload) => ({
      ...workload,
      components: workload.components.slice(0, 1),
    }));
    await eventually(async () => expect((await get(service, '/healthz')).status).toBe(503));
  });
});

describe('the failing start', () => {
  it('fails as it stands, and says why', async () => {
    const closed = await RunningExample.start(exampleDefinition('failing-start'));
    expect(await closed.exitCode()).toBe(1);
    expect(closed.output.join('')).toContain('the gate is closed: there is no gate-open');
  });

  it('starts once the file is there that the definition was given', async () => {
    const closed = await RunningExample.start(exampleDefinition('failing-start'));
    expect(await closed.exitCode()).toBe(1);
    const gate = path.join(closed.directory, 'gate');
    writeFileSync(gate, '');
    const withGate = (definition: string) => definition.replace('GATE_FILE: gate-open', `GATE_FILE: ${gate}`);
    const open = await RunningExample.start(exampleDefinition('failing-start', withGate));
    await ready(open, '/');
    expect(await open.stop()).toEqual([0]);
  });
});

it.each(['network-lab', 'two-tier-service', 'failing-start'])('%s does not make a person wait for its retry', (name) => {
  expect(exampleDefinition(name).retry).toEqual({ attemptsMax: 2, initialBackoffMs: 500, maxBackoffMs: 500, factor: 2 });
});

it('the worker template has room for each example, in the notation of definitions', () => {
  const text = readFileSync(path.join(examplesDirectory, 'worker-template.json'), 'utf8');
  const { capacity } = JSON.parse(text) as { capacity: unknown };
  expect(resources.parse(capacity)).toEqual({ cpu: 4000, memory: 4096, storage: 20_480 });
});
