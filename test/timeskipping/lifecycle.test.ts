import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { close, run, wait } from '../workflows/support/answers';
import { countEvents } from '../workflows/support/history';
import { ScriptedEngine } from '../workflows/support/scripted-engine';

const dayMs = 24 * 60 * 60 * 1000;

let environment: TestWorkflowEnvironment;
let engine: ScriptedEngine;

beforeAll(async () => {
  ScriptedEngine.quietLog();
  const path = join(__dirname, '../../tools/temporal-test-server/start');
  environment = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
  engine = await ScriptedEngine.start(environment);
}, 60_000);

afterAll(async () => {
  await engine?.close();
  await environment?.teardown();
}, 60_000);

test('a lifecycle that waits thirty days for its deadline wakes on the day', async () => {
  const startedAtMs = await environment.currentTimeMs();
  const deadlineMs = startedAtMs + 30 * dayMs;
  const life = engine.life();
  let wokeAtMs = 0;
  life.on('look', run('start')).on('start', wait({ phase: 'RUNNING', untilMs: deadlineMs })).on('stop', async () => {
    wokeAtMs = await environment.currentTimeMs();
    return close({ phase: 'STOPPED' });
  });
  await engine.nudge(life);
  await life.told(2);
  life.on('look', run('stop'));
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start', 'look', 'stop']);
  expect(wokeAtMs - deadlineMs).toBeGreaterThanOrEqual(0);
  expect(wokeAtMs - deadlineMs).toBeLessThan(60_000);
  console.log(countEvents(await engine.history(life)), wokeAtMs - deadlineMs);
}, 60_000);
