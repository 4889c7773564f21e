import { openEngine } from '../../src/engine/connection';
import { lifecycleId, Nudges } from '../../src/engine/nudges';
import { freshTaskQueue, testServers } from '../support/servers';
import { TcpProxy } from '../support/tcp-proxy';

test('a nudge into a connection that lost its route ends, as not taken; the next one after it is back is taken', async () => {
  const proxy = await TcpProxy.to(`http://${testServers().temporal}`);
  const { client, connection } = openEngine({ address: new URL(proxy.url).host, namespace: 'default', taskQueue: 'unused' });
  const problems: string[] = [];
  const nudges = new Nudges({ client, taskQueue: freshTaskQueue(), startOf: async () => undefined, onProblem: (problem) => problems.push(problem) });
  const object = { kind: 'Instance', id: freshTaskQueue() } as const;
  try {
    expect(await nudges.deliver(object)).toBe(true);
    proxy.hold();
    expect(await nudges.deliver(object)).toBe(false);
    expect(problems).toEqual([`nudging ${lifecycleId(object)} failed, it is left to the repairer`]);
    proxy.pass();
    expect(await nudges.deliver(object)).toBe(true);
    await client.workflow.getHandle(lifecycleId(object)).terminate();
  } finally {
    await connection.close();
    await proxy.close();
  }
}, 40_000);
