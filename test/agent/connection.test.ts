import net from 'node:net';
import v8 from 'node:v8';
import vm from 'node:vm';
import { eventually, Harness, recordedPid, runs, serverOf, freePort, workloadOf } from './harness';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.end());

describe('the agent', () => {
  test('registers, beats, and registers again when its lease is lost', async () => {
    const { controlPlane } = harness;
    controlPlane.heartbeatIntervalMs = 30;
    await harness.startAgent();
    await controlPlane.until(() => controlPlane.heartbeats >= 3, 'heartbeats');
    expect(controlPlane.registrations).toHaveLength(1);
    expect(controlPlane.registrations[0]).toMatchObject({ address: '127.0.0.1', agentVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) });

    controlPlane.loseLease();
    await controlPlane.until(() => controlPlane.registrations.length === 2, 'a second registration');
    const { heartbeats } = controlPlane;
    await controlPlane.until(() => controlPlane.heartbeats > heartbeats, 'heartbeats of the new lease');
  });

  test('tells its instances nothing of an outage, and tells the control plane what happened meanwhile', async () => {
    const { controlPlane } = harness;
    const [dies, lives] = [workloadOf({}), workloadOf({})];
    await harness.startAgent();
    controlPlane.put('dies', dies, 1, 'running');
    controlPlane.put('lives', lives, 1, 'running');
    await controlPlane.observed('dies', 'running');
    await controlPlane.observed('lives', 'running');
    const survivor = recordedPid(harness.directory, lives.instanceId)!;

    await controlPlane.close();
    process.kill(recordedPid(harness.directory, dies.instanceId)!, 'SIGKILL');
    await eventually(() => recordedPid(harness.directory, dies.instanceId) === undefined, 'the agent has noticed');
    expect(runs(survivor)).toBe(true);
    await controlPlane.listen();

    expect((await controlPlane.observed('dies', 'failed')).failure).toMatchObject({ reason: 'ComponentExited' });
    await controlPlane.until(() => controlPlane.openStreams === 1, 'a plan stream');
    expect(recordedPid(harness.directory, lives.instanceId)).toBe(survivor);
    expect(controlPlane.observations.filter(({ allocationId }) => allocationId === 'lives')).toHaveLength(1);
  });

  test('is up before the control plane is, and keeps asking a failing one', async () => {
    const { controlPlane } = harness;
    await controlPlane.close();
    await harness.startAgent();
    controlPlane.isFailing = true;
    controlPlane.put('a', workloadOf({}), 1, 'running');
    await controlPlane.listen();
    await controlPlane.until(() => controlPlane.requests.length >= 2, 'it asks');
    controlPlane.isFailing = false;
    await controlPlane.observed('a', 'running');
  });

  test('opens a plan stream anew that has gone silent, but not one with comments', async () => {
    const { controlPlane } = harness;
    await harness.startAgent({ planStreamSilenceMsMax: 1_000 });
    const streams = (): number => controlPlane.requests.filter((request) => request.endsWith('/plan')).length;
    await controlPlane.until(() => streams() === 1, 'a stream');
    const comments = setInterval(() => controlPlane.sendText(': still here\n\n'), 100);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    clearInterval(comments);
    expect(streams()).toBe(1);
    // Collecting the garbage of a large heap may take longer than several streams' silence.
    const before = streams();
    await controlPlane.until(() => streams() > before, 'another stream');
  });

  test('gives up a silent stream, and stops, also after a garbage collection', async () => {
    const { controlPlane } = harness;
    v8.setFlagsFromString('--expose-gc');
    const collectGarbage = vm.runInNewContext('gc') as () => void;
    const agent = await harness.startAgent({ planStreamSilenceMsMax: 500 });
    const streams = (): number => controlPlane.requests.filter((request) => request.endsWith('/plan')).length;
    await controlPlane.until(() => streams() >= 1, 'a stream');
    for (let n = 0; n < 5; n += 1) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Collecting the garbage of a large heap may take longer than several streams' silence.
    const before = streams();
    await controlPlane.until(() => streams() > before, 'another stream');
    collectGarbage();
    await harness.stopAgent(agent, 'leave');
    await controlPlane.until(() => controlPlane.openStreams === 0, 'no stream');
  });

  test('is not disturbed by frames that make no sense', async () => {
    const { controlPlane } = harness;
    await harness.startAgent();
    await controlPlane.until(() => controlPlane.openStreams === 1, 'a stream');
    const entry = controlPlane.put('a', workloadOf({}), 1, 'running');
    controlPlane.sendText('event: entry\ndata: {not json\n\nevent: praise\ndata: {}\n\n');
    controlPlane.sendText(`event: entry\ndata: ${JSON.stringify({ ...entry, allocationId: '../../x', revision: '999' })}\n\n`);
    controlPlane.sendText(`event: snapshot\ndata: ${JSON.stringify({ revision: '999', entries: [{ ...entry, wanted: 'dancing' }] })}\n\n`);
    controlPlane.put('b', workloadOf({}), 1, 'running');
    await controlPlane.observed('b', 'running');
    await controlPlane.observed('a', 'running');
    expect(controlPlane.requests.filter((request) => request.endsWith('/plan'))).toHaveLength(1);
  });

  test('tells which ports of its range others hold, its own instances\' not among them', async () => {
    const { controlPlane } = harness;
    const stranger = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port: held } = stranger.address() as net.AddressInfo;
    await harness.startAgent({ hostPortsScanIntervalMs: 50 });
    await controlPlane.until(() => controlPlane.registrations.length === 1, 'a registration');
    expect(controlPlane.registrations[0]!.hostPorts).toContain(held);

    const own = await freePort();
    controlPlane.put('a', serverOf(own), 1, 'running');
    await controlPlane.observed('a', 'running');
    stranger.close();
    await controlPlane.until(() => controlPlane.hostPorts.length > 0 && !controlPlane.hostPorts.at(-1)!.includes(held), 'the port is told free');
    expect(controlPlane.hostPorts.flat()).not.toContain(own);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Whatever else listens on this host may come and go, but what has not changed is not told again.
    const told = controlPlane.hostPorts.map((ports) => ports.join());
    expect(told.filter((ports, index) => ports === told[index - 1])).toEqual([]);
  });

  test('starts many at once', async () => {
    const { controlPlane } = harness;
    await harness.startAgent();
    for (let n = 0; n < 120; n += 1) controlPlane.put(`a${n}`, workloadOf({ runtime: 'noop' }), 1, 'running');
    const running = (): Set<string> =>
      new Set(controlPlane.observations.filter(({ state }) => state === 'running').map(({ allocationId }) => allocationId));
    await controlPlane.until(() => running().size === 120, '120 observations');
  });
});
