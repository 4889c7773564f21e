import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { backoffMs, retryPolicyDefault } from '../../src/domain/retry';
import { searchAttributes } from '../../src/workflows/messages';
import { close, run, wait } from '../workflows/support/answers';
import { countEvents } from '../workflows/support/history';
import { installQuietLog } from '../workflows/support/quiet-log';
import { ScriptedEngine } from '../workflows/support/scripted-engine';
import type { ScriptedLife } from '../workflows/support/scripted-life';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

let environment: TestWorkflowEnvironment;
let engine: ScriptedEngine;

beforeAll(async () => {
  installQuietLog();
  const path = join(__dirname, '../../tools/temporal-test-server/start');
  environment = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  await addSearchAttributes();
  engine = await ScriptedEngine.start(environment);
}, 60_000);

afterAll(async () => {
  await engine?.close();
  await environment?.teardown();
}, 60_000);

/** This server cannot list its search attributes, which is how the product finds out what is missing. */
async function addSearchAttributes(): Promise<void> {
  const { INDEXED_VALUE_TYPE_BOOL, INDEXED_VALUE_TYPE_KEYWORD } = temporal.api.enums.v1.IndexedValueType;
  const types = Object.values(searchAttributes).map(({ name, type }) => [name, type === 'BOOL' ? INDEXED_VALUE_TYPE_BOOL : INDEXED_VALUE_TYPE_KEYWORD]);
  await environment.connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: Object.fromEntries(types) });
}

/** The server's clock, which the activities of these lives go by. */
function now(): Promise<number> {
  return environment.currentTimeMs();
}

/** The server turns its clock while somebody waits for a result. */
async function live(life: ScriptedLife): Promise<Record<string, number>> {
  await engine.nudge(life);
  await engine.handle(life).result();
  const events = countEvents(await engine.history(life));
  expect(events).not.toHaveProperty('workflowTaskFailed');
  return events;
}

test('stores that are down for ten minutes are asked again at least every ten seconds', async () => {
  const life = engine.life();
  const backMs = (await now()) + 10 * minuteMs;
  life.on('look', async () => {
    if ((await now()) < backMs) throw new Error('etcd is down');
    return close();
  });
  await live(life);
  expect(life.calls.length).toBeGreaterThanOrEqual(60);
  expect(life.calls.length).toBeLessThan(80);
});

test('a lifecycle that waits thirty days for its deadline wakes on the day', async () => {
  const deadlineMs = (await now()) + 30 * dayMs;
  const life = engine.life();
  life.on('look', run('start'), run('stop')).on('start', wait({ phase: 'RUNNING', untilMs: deadlineMs }));
  let stoppedAtMs = 0;
  life.on('stop', async () => {
    stoppedAtMs = await now();
    return close({ phase: 'STOPPED' });
  });
  const events = await live(life);
  expect(life.story).toEqual(['look', 'start', 'look', 'stop']);
  expect(events).toMatchObject({ timerStarted: 1, timerFired: 1, workflowTaskCompleted: 2 });
  expect(stoppedAtMs).toBeGreaterThanOrEqual(deadlineMs);
  expect(stoppedAtMs).toBeLessThan(deadlineMs + minuteMs);
});

test('a storm of retries waits out each backoff, from ten seconds to five minutes', async () => {
  const policy = { ...retryPolicyDefault, attemptsMax: 10 };
  const life = engine.life();
  const triedAtMs: number[] = [];
  life.on('look', () => run('start', { phase: 'INSTANTIATING' }, triedAtMs.length + 1));
  life.on('start', async () => {
    const nowMs = await now();
    triedAtMs.push(nowMs);
    if (triedAtMs.length === policy.attemptsMax) return close({ phase: 'FAILED', stuck: true });
    return wait({ phase: 'INSTANTIATING', untilMs: nowMs + backoffMs(policy, triedAtMs.length) });
  });
  await live(life);
  const waitedMs = triedAtMs.slice(1).map((time, index) => time - triedAtMs[index]!);
  const backoffsMs = waitedMs.map((_, index) => backoffMs(policy, index + 1));
  expect(backoffsMs).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300].map((seconds) => seconds * secondMs));
  waitedMs.forEach((ms, index) => {
    expect(ms).toBeGreaterThanOrEqual(backoffsMs[index]!);
    expect(ms).toBeLessThan(backoffsMs[index]! + 5 * secondMs);
  });
});

test('a visible step that fails for two hours is tried again by the engine, at least twice a minute', async () => {
  const life = engine.life('Worker');
  const backMs = (await now()) + 2 * hourMs;
  let tries = 0;
  life.on('look', run('destroy', { visible: true, phase: 'STOPPING' }));
  life.on('destroy', async ({ tryNumber }) => {
    tries = tryNumber;
    if ((await now()) < backMs) throw new Error('the provider does not answer');
    return close({ phase: 'TERMINATED' });
  });
  const events = await live(life);
  expect(tries).toBeGreaterThanOrEqual(240);
  expect(tries).toBeLessThan(260);
  // However long it takes, the history holds one activity.
  expect(events).toMatchObject({ activityTaskScheduled: 1, activityTaskCompleted: 1 });
}, 60_000);

test('what the lifecycles above did replays', () => engine.replayAll());
