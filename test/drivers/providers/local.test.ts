import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LocalProvider } from '../../../src/drivers/providers/local';
import type { ProvisionRequest } from '../../../src/drivers/providers/provider';
import { readClaim } from '../../../src/drivers/runtimes/directory-claim';
import { isAlive } from '../../../src/drivers/runtimes/process-table';
import { eventually, recordedPid, runs, sourceArguments, workloadOf } from '../../agent/harness';
import { FakeControlPlane } from '../../support/fake-control-plane';

const never = new AbortController().signal;
let root: string;
let controlPlane: FakeControlPlane;
let provider: LocalProvider;

beforeEach(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'berth-local-'));
  controlPlane = await FakeControlPlane.start();
  provider = providerAt(controlPlane.url);
});
afterEach(async () => {
  await provider.destroy('external-1', never);
  await controlPlane.close();
  rmSync(root, { recursive: true, force: true });
});

function providerAt(apiUrl: string, agentEntry = path.join(__dirname, '../../../src/processes/agent.ts')): LocalProvider {
  return new LocalProvider({ root, apiUrl, agentEntry, nodeArguments: sourceArguments, address: '127.0.0.1' });
}

function request(options: Partial<ProvisionRequest> = {}): ProvisionRequest {
  const { workerId, token } = controlPlane;
  return { externalId: 'external-1', workerId, attempt: 1, token, portRange: { from: 2000, to: 2100 }, signal: never, heartbeat: () => undefined, ...options };
}

const place = (): string => path.join(root, 'external-1');
const agentDirectory = (): string => path.join(place(), 'agent');
const agentPid = (): number | undefined => readClaim(agentDirectory())?.pid;

async function registered(count: number): Promise<void> {
  await controlPlane.until(() => controlPlane.registrations.length >= count, `${count} registrations`);
}

/** Starts an instance on the agent and answers its process. */
async function runningInstance(allocationId = 'a'): Promise<number> {
  const workload = workloadOf({});
  controlPlane.put(allocationId, workload, 1, 'running');
  await controlPlane.observed(allocationId, 'running');
  return recordedPid(agentDirectory(), workload.instanceId)!;
}

describe('the local provider', () => {
  test('starts an agent that registers; asked again it finds the same one', async () => {
    const first = await provider.create(request());
    await registered(1);
    const pid = agentPid();
    expect(await provider.create(request())).toEqual(first);
    expect(await providerAt(controlPlane.url).create(request())).toEqual(first);
    rmSync(path.join(place(), 'spawned.json'));
    await provider.create(request());
    expect(agentPid()).toBe(pid);
    expect(first.resources).toEqual({ agent: { kind: 'LocalAgent', name: controlPlane.workerId, uid: 'external-1' } });
    expect(statSync(path.join(place(), 'config.json')).mode & 0o777).toBe(0o600);
    expect(await provider.exists('external-1')).toBe(true);
    expect(await provider.exists('external-2')).toBe(false);
  });

  test('asked twice at once, by two processes, makes one agent', async () => {
    await Promise.all([provider.create(request()), providerAt(controlPlane.url).create(request())]);
    await registered(1);
    const pid = agentPid()!;
    await eventually(() => readFileSync(path.join(place(), 'agent.log'), 'utf8').includes('registered'), 'it is up');
    const { pid: spawned } = JSON.parse(readFileSync(path.join(place(), 'spawned.json'), 'utf8')) as { pid: number };
    await eventually(() => spawned === pid || !runs(spawned), 'the other one has given way');
    expect(controlPlane.registrations).toHaveLength(1);
  });

  test('replaces the agent of a lower attempt, and its instances go on', async () => {
    await provider.create(request());
    await registered(1);
    const [agent, instance] = [agentPid()!, await runningInstance()];
    await provider.create(request({ attempt: 2 }));
    await registered(2);
    expect(runs(agent)).toBe(false);
    expect(agentPid()).not.toBe(agent);
    expect(runs(instance)).toBe(true);
    await expect(provider.create(request({ attempt: 1 }))).rejects.toMatchObject({ failureClass: 'transient', reason: 'AttemptSuperseded' });
  });

  test('replaces an agent with another token', async () => {
    await provider.create(request({ token: 'outdated' }));
    const agent = agentPid()!;
    await provider.create(request());
    await registered(1);
    expect(runs(agent)).toBe(false);
  });

  test('destroys agent, instances and directory; a second time is nothing', async () => {
    await provider.create(request());
    await registered(1);
    const [agent, instance] = [agentPid()!, await runningInstance()];
    await provider.destroy('external-1', never);
    expect([runs(agent), runs(instance), existsSync(place())]).toEqual([false, false, false]);
    expect(await provider.exists('external-1')).toBe(false);
    await provider.destroy('external-1', never);
    await provider.destroy('never-was', never);
  });

  test('destroys an agent that has only just been spawned', async () => {
    const creating = provider.create(request());
    await eventually(() => existsSync(path.join(place(), 'spawned.json')), 'it is spawned');
    const identity = JSON.parse(readFileSync(path.join(place(), 'spawned.json'), 'utf8')) as { pid: number; startTime: string };
    const outcome = creating.catch((error: unknown) => error);
    await providerAt(controlPlane.url).destroy('external-1', never);
    expect([isAlive(identity), existsSync(place())]).toEqual([false, false]);
    await outcome;
  });

  test('reaps the instances of an agent that is dead', async () => {
    await provider.create(request());
    await registered(1);
    const [agent, instance] = [agentPid()!, await runningInstance()];
    process.kill(agent, 'SIGKILL');
    await eventually(() => !runs(agent), 'it is dead');
    expect(runs(instance)).toBe(true);
    await provider.destroy('external-1', never);
    expect([runs(instance), existsSync(place())]).toEqual([false, false]);
  });

  test('stops everything and starts it again, at a control plane that has moved', async () => {
    await provider.create(request());
    await registered(1);
    const [agent, instance] = [agentPid()!, await runningInstance()];
    await provider.stopAll();
    expect([runs(agent), runs(instance), existsSync(place())]).toEqual([false, false, true]);

    await controlPlane.move();
    await providerAt(controlPlane.url).startAll();
    await registered(2);
    expect((await controlPlane.observed('a', 'failed')).failure).toMatchObject({ reason: 'ProcessLost' });
    const restarted = agentPid();
    await providerAt(controlPlane.url).startAll();
    expect(agentPid()).toBe(restarted);
  });

  test('says why an agent does not start', async () => {
    const broken = providerAt(controlPlane.url, path.join(root, 'no-such-entry.js'));
    await expect(broken.create(request())).rejects.toMatchObject({
      failureClass: 'host',
      reason: 'AgentEndedEarly',
      message: expect.stringContaining('Cannot find module'),
    });
  });

  test('refuses an id that is no name of a directory', async () => {
    await expect(provider.create(request({ externalId: '../x' }))).rejects.toThrow(RangeError);
    await expect(provider.destroy('..', never)).rejects.toThrow(RangeError);
  });
});
