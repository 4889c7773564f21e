import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { nudgesPerRunMax } from '../../src/domain/limits';
import { retryUpdate } from '../../src/workflows/messages';
import { close, run, wait } from './support/answers';
import { startOnDevServer } from './support/dev-server-engine';
import { countEvents } from './support/history';
import type { ScriptedEngine } from './support/scripted-engine';
import type { ScriptedLife } from './support/scripted-life';
import { Gate } from './support/scripted-life';

let engine: ScriptedEngine;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => ({ engine, stop } = await startOnDevServer()), 60_000);
afterAll(async () => stop?.(), 30_000);

const accepted = { refused: false, code: 'accepted', message: 'retry accepted' };
const refused = { refused: true, code: 'phase_conflict', message: 'it is RUNNING' };

/** A lifecycle that waits in FAILED. */
async function failedLife(): Promise<ScriptedLife> {
  const life = engine.life().on('look', wait({ phase: 'FAILED', stuck: true }));
  await engine.nudge(life);
  await life.told(1);
  return life;
}

test('a retry that is accepted is answered, and acted on at once: nobody else nudges for it', async () => {
  const life = await failedLife();
  life.on('requestRetry', accepted).on('look', run('retry')).on('retry', close());
  const answer = await engine.handle(life).executeUpdate(retryUpdate, { updateId: 'update-1' });
  expect(answer).toBe('retry accepted');
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'requestRetry', 'look', 'retry']);
  // The update's id is what makes its repetition harmless.
  expect(life.calls[1]!.input).toEqual([{ kind: 'Instance', id: life.id }, 'update-1']);
});

test('a retry that is refused fails the update with the code, and the lifecycle lives on', async () => {
  const life = await failedLife();
  life.on('requestRetry', refused);
  const error: unknown = await engine.handle(life).executeUpdate(retryUpdate).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  const { cause } = error as WorkflowUpdateFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  expect(cause).toMatchObject({ type: 'phase_conflict', message: 'it is RUNNING' });

  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(countEvents(await engine.history(life))).not.toHaveProperty('workflowTaskFailed');
});

test('a run that may close answers a retry that is under way before it does, and looks again', async () => {
  const answerable = new Gate();
  const life = await failedLife();
  life.on('requestRetry', () => answerable.opened.then(() => accepted)).on('look', close({ phase: 'TERMINATED' }));
  const answer = engine.handle(life).executeUpdate(retryUpdate);
  await life.told(2);
  await engine.nudge(life);
  await life.told(3);
  expect((await engine.handle(life).describe()).status.name).toBe('RUNNING');
  answerable.open();
  expect(await answer).toBe('retry accepted');
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'requestRetry', 'look', 'look']);
});

test('a run that is to continue as new answers a retry that is under way before it does', async () => {
  const answerable = new Gate();
  const life = await failedLife();
  const { runId } = await engine.handle(life).describe();
  await engine.stopWorker();
  await engine.nudgeOften(life, nudgesPerRunMax);
  life.on('requestRetry', () => answerable.opened.then(() => accepted));
  const answer = engine.handle(life).executeUpdate(retryUpdate);
  await engine.startWorker();
  await life.told(2);
  expect((await engine.handle(life).describe()).runId).toBe(runId);
  answerable.open();
  expect(await answer).toBe('retry accepted');
  await engine.untilRunIsNot(life, runId);
  expect((await life.told(3)).at(-1)).toBe('look');
}, 60_000);

test('what the lifecycles above did replays', () => engine.replayAll());
