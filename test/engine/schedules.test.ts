import { randomBytes } from 'node:crypto';
import { openEngine } from '../../src/engine/connection';
import type { Engine } from '../../src/engine/connection';
import { Nudges } from '../../src/engine/nudges';
import { engineMemory, ledgerAuditScheduleId, maintenanceSchedules } from '../../src/engine/schedules';
import { eventually } from '../support/etcd';
import { testServers } from '../support/servers';

const taskQueue = 'schedules';
let engine: Engine;
let namespace: string;

/** Schedules have fixed ids, so that these tests need a namespace of their own. */
beforeAll(async () => {
  namespace = `schedules-${randomBytes(4).toString('hex')}`;
  const address = new URL(`http://${testServers().temporal}`).host;
  engine = openEngine({ address, namespace, taskQueue });
  await engine.connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as Long } });
  await eventually('the namespace is there', async () => (await scheduleIds().catch(() => undefined)) !== undefined, 30_000);
}, 60_000);

type Long = NonNullable<NonNullable<Parameters<Engine['connection']['workflowService']['registerNamespace']>[0]['workflowExecutionRetentionPeriod']>['seconds']>;

afterAll(async () => {
  await engine.close();
});

async function scheduleIds(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { scheduleId } of engine.client.schedule.list()) ids.push(scheduleId);
  return ids.sort();
}

function memory() {
  const nudges = new Nudges({ engine, taskQueue, startOf: async () => undefined, onProblem: () => undefined });
  return engineMemory(engine, nudges, { address: '', namespace, taskQueue });
}

const exists = (scheduleId: string) => engine.client.schedule.getHandle(scheduleId).describe().then(() => true, () => false);

test('all maintenance has its schedule, made together with the sentinel, and again where one is missing', async () => {
  const all = [...maintenanceSchedules.map(({ scheduleId }) => scheduleId), ledgerAuditScheduleId].sort();
  expect(await memory().isThere()).toBe(false);
  expect(await Promise.all(all.map(exists))).toEqual(all.map(() => false));

  await memory().complete();
  expect(await Promise.all(all.map(exists))).toEqual(all.map(() => true));

  // As if an older program, which knew of less, had prepared the engine.
  for (const { scheduleId } of maintenanceSchedules) await engine.client.schedule.getHandle(scheduleId).delete();
  expect(await memory().isThere()).toBe(true);
  expect(await Promise.all(all.map(exists))).toEqual(all.map(() => true));
}, 60_000);
