import { breakerFailuresMax } from '../../src/domain/limits';
import { openEngine } from '../../src/engine/connection';
import { lifecycleId, Nudges } from '../../src/engine/nudges';
import { eventually } from '../support/etcd';
import { freshTaskQueue, testServers } from '../support/servers';
import { TcpProxy } from '../support/tcp-proxy';

test('a nudge into a connection that lost its route ends, as not taken; the next one after it is back is taken', async () => {
  const proxy = await TcpProxy.to(`http://${testServers().temporal}`);
  const engine = openEngine({ address: new URL(proxy.url).host, namespace: 'default', taskQueue: 'unused' });
  const problems: string[] = [];
  const nudges = new Nudges({ engine, taskQueue: freshTaskQueue(), startOf: async () => undefined, onProblem: (problem) => problems.push(problem) });
  const object = { kind: 'Instance', id: freshTaskQueue() } as const;
  try {
    expect(await nudges.deliver(object)).toBe(true);
    proxy.hold();
    expect(await nudges.deliver(object)).toBe(false);
    expect(problems).toEqual([`nudging ${lifecycleId(object)} failed, it is left to the repairer`]);
    proxy.pass();
    expect(await nudges.deliver(object)).toBe(true);
    await engine.client.workflow.getHandle(lifecycleId(object)).terminate();
  } finally {
    await engine.close();
    await proxy.close();
  }
}, 40_000);

test('nudges made while the engine does not answer are delivered when it is back, and hold nobody up who ends', async () => {
  const proxy = await TcpProxy.to(`http://${testServers().temporal}`);
  const engine = openEngine({ address: new URL(proxy.url).host, namespace: 'default', taskQueue: 'unused' });
  const problems: string[] = [];
  const nudges = new Nudges({ engine, taskQueue: freshTaskQueue(), startOf: async () => undefined, onProblem: (problem) => problems.push(problem) });
  const ids = [freshTaskQueue(), freshTaskQueue()] as const;
  const handle = engine.client.workflow.getHandle(lifecycleId({ kind: 'Instance', id: ids[0] }));
  try {
    await nudges.deliver({ kind: 'Instance', id: ids[1] });
    proxy.hold();
    await Promise.all(Array.from({ length: breakerFailuresMax }, () => nudges.deliver({ kind: 'Instance', id: ids[1] })));
    expect(engine.breaker.state).not.toBe('closed');
    expect(await nudges.deliver({ kind: 'Instance', id: ids[1] })).toBe(false);
    nudges.nudge('Instance', ids[1]);
    await nudges.settled();
    const before = problems.length;
    nudges.nudge('Instance', ids[0]);
    proxy.pass();
    await eventually('the lifecycle is started', () => handle.describe().then(() => true, () => false), 20_000);
    expect(problems).toHaveLength(before);
    await handle.terminate();
  } finally {
    await engine.close();
    await proxy.close();
  }
}, 60_000);
