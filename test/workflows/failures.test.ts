import { ApplicationFailure } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { retryUpdate } from '../../src/workflows/messages';
import { close, run, wait } from './support/answers';
import { startOnDevServer } from './support/dev-server-engine';
import { countEvents } from './support/history';
import type { ScriptedEngine } from './support/scripted-engine';
import { Gate, untilLeft } from './support/scripted-life';

let engine: ScriptedEngine;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => ({ engine, stop } = await startOnDevServer()), 60_000);
afterAll(async () => stop?.(), 30_000);

const visible = { visible: true };
const storeDown = () => Promise.reject(new Error('etcd is down'));
const never = () => Promise.reject(ApplicationFailure.nonRetryable('it can never be done', 'Never'));

test('what the stores refuse for now is tried again until they are back, and then it goes on', async () => {
  const life = engine.life();
  life.on('look', storeDown, storeDown, run('start')).on('start', storeDown, close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'look', 'look', 'start', 'start']);
  expect(life.calls.map(({ tryNumber }) => tryNumber)).toEqual([1, 2, 3, 1, 2]);
  expect(countEvents(await engine.history(life))).not.toHaveProperty('workflowTaskFailed');
});

test('a retry that is asked for while the stores are down is answered once they are back', async () => {
  const life = engine.life().on('look', wait({ phase: 'FAILED', stuck: true }));
  await engine.nudge(life);
  await life.told(1);
  life.on('requestRetry', storeDown, storeDown, { refused: false, code: 'accepted', message: 'retry accepted' }).on('look', close());
  expect(await engine.handle(life).executeUpdate(retryUpdate)).toBe('retry accepted');
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'requestRetry', 'requestRetry', 'requestRetry', 'look']);
});

test('a visible step that fails is tried again by the engine, where operators see the try and the reason', async () => {
  const life = engine.life().on('look', run('destroy', visible));
  const shown = new Gate();
  life.on('destroy', storeDown, () => shown.opened.then(() => close()));
  await engine.nudge(life);
  await life.told(3);
  const [pending] = (await engine.handle(life).describe()).raw.pendingActivities ?? [];
  expect(pending).toMatchObject({ activityType: { name: 'destroy' }, attempt: 2, lastFailure: { message: 'etcd is down' } });
  shown.open();
  await engine.handle(life).result();
  expect(life.calls.map(({ tryNumber }) => tryNumber)).toEqual([1, 1, 2]);
});

test('a nudge while a visible step waits for its next try is heard', async () => {
  const life = engine.life().on('look', run('destroy', visible), close()).on('destroy', storeDown);
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(countEvents(await engine.history(life))).toMatchObject({ activityTaskCancelRequested: 1 });
});

test('a visible step that can never be done fails the run with its reason; the next nudge begins anew', async () => {
  const life = engine.life().on('look', run('start', visible)).on('start', never);
  await engine.nudge(life);
  const error: unknown = await engine.handle(life).result().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause?.cause).toMatchObject({ type: 'Never' });
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start (visible)', 'look']);
});

test('a visible step that fails for good while a nudge is looked for, and is left, harms nobody', async () => {
  const looking = new Gate();
  const failing = new Gate();
  const life = engine.life().on('start', () => failing.opened.then(never));
  life.on('look', run('start', visible), () => looking.opened.then(() => run('remove'))).on('remove', wait());
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await life.told(3);
  failing.open();
  await engine.untilNoActivityIsPending(life);
  looking.open();
  await life.told(4);
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start (visible)', 'look', 'remove', 'look']);
  expect(countEvents(await engine.history(life))).not.toHaveProperty('workflowTaskFailed');
});

test('cancelled by an operator, the run ends and leaves its visible step; the next nudge begins anew', async () => {
  const left = new Gate();
  const life = engine.life().on('look', run('start', visible));
  life.on('start', (call) => untilLeft(call).finally(() => left.open()));
  await engine.nudge(life);
  await life.told(2);
  await engine.handle(life).cancel();
  await expect(engine.handle(life).result()).rejects.toThrow('cancelled');
  await left.opened;
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
});

test('terminated by an operator at a wait, the next nudge begins anew and looks first', async () => {
  const life = engine.life().on('look', wait());
  await engine.nudge(life);
  await life.told(1);
  await engine.handle(life).terminate('by an operator');
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'look']);
});

test('a control process that ends in the middle of a visible step: the next one does the step again', async () => {
  const life = engine.life().on('look', run('start', visible)).on('start', untilLeft, close());
  await engine.nudge(life);
  await life.told(2);
  await engine.stopWorker();
  await engine.startWorker();
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start (visible)', 'start (visible)']);
});

test('what the lifecycles above did replays', () => engine.replayAll());
