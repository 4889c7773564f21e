import { TypedSearchAttributes } from '@temporalio/common';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { searchAttributes } from '../../src/workflows/messages';
import { close, run, wait } from './support/answers';
import { startOnDevServer } from './support/dev-server-engine';
import { countEvents, summaryOf } from './support/history';
import type { ScriptedEngine } from './support/scripted-engine';
import type { ScriptedLife } from './support/scripted-life';
import { until } from './support/until';

let engine: ScriptedEngine;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => ({ engine, stop } = await startOnDevServer()), 60_000);
afterAll(async () => stop?.(), 30_000);

/** The history once the task under way is in it. */
function settledEvents(life: ScriptedLife) {
  return until('no task is under way', async () => {
    const events = await engine.history(life);
    const { workflowTaskScheduled, workflowTaskCompleted } = countEvents(events);
    return workflowTaskScheduled === workflowTaskCompleted && events;
  });
}

async function attributesOf(life: ScriptedLife): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await engine.handle(life).describe();
  return Object.fromEntries(Object.values(searchAttributes).flatMap((key) => {
    const value = typedSearchAttributes.get(key);
    return value === undefined ? [] : [[key.name, value]];
  }));
}

test('it runs the steps that it is told, in the order of the answers, and a create is one workflow task', async () => {
  const life = engine.life();
  life.on('look', run('schedule')).on('schedule', run('start')).on('start', wait());
  await engine.nudge(life);
  expect(await life.told(3)).toEqual(['look', 'schedule', 'start']);
  const events = countEvents(await settledEvents(life));
  expect(events).toMatchObject({ workflowTaskCompleted: 1, markerRecorded: 3 });
  expect(events).not.toHaveProperty('activityTaskScheduled');
  expect(events).not.toHaveProperty('timerStarted');
  // The nudge that started it is the one that it looked for: nothing is looked at twice.
  expect(life.story).toHaveLength(3);

  life.on('look', run('remove')).on('remove', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'schedule', 'start', 'look', 'remove']);
});

test.each(['Instance', 'Worker'] as const)('activities of the lifecycle of kind %s are handed the object and nothing else', async (kind) => {
  const life = engine.life(kind).on('look', run('finish')).on('finish', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.calls.map(({ input }) => input)).toEqual([[{ kind, id: life.id }], [{ kind, id: life.id }]]);
});

test('a step is a local activity until the answer says visible: then operators see it, with what is attempted', async () => {
  const life = engine.life().on('look', run('start')).on('start', run('start', { visible: true }, 2), close());
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start', 'start (visible)']);
  const events = await engine.history(life);
  const scheduled = events.filter((event) => event.activityTaskScheduledEventAttributes);
  expect(scheduled.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)).toEqual(['start']);
  expect(summaryOf(scheduled[0]!)).toBe('start, attempt 2');
});

test('it waits until a date, and says of the timer what it is for', async () => {
  const life = engine.life();
  life.on('look', () => wait({ untilMs: Date.now() + 300 }), close());
  await engine.nudge(life);
  await engine.handle(life).result();
  const events = await engine.history(life);
  expect(countEvents(events)).toMatchObject({ timerStarted: 1, timerFired: 1 });
  expect(summaryOf(events.find((event) => event.timerStartedEventAttributes)!)).toContain('next date');
});

test('search attributes are written only when phase, worker or stuck has changed', async () => {
  const life = engine.life();
  life.attributes = new TypedSearchAttributes([
    { key: searchAttributes.org, value: 'default' },
    { key: searchAttributes.phase, value: 'PENDING' },
    { key: searchAttributes.stuck, value: false },
  ]);
  const upserts = async () => countEvents(await settledEvents(life))['upsertWorkflowSearchAttributes'] ?? 0;
  const shown = { phase: 'RUNNING', workerId: 'worker-1' };

  // The phases that a create passes through on the fast path are nobody's to see: one write, at the wait.
  life.on('look', run('schedule')).on('schedule', run('start', { phase: 'SCHEDULED', workerId: 'worker-1' })).on('start', wait(shown));
  await engine.nudge(life);
  await life.told(3);
  expect(await upserts()).toBe(1);
  expect(await attributesOf(life)).toEqual({ BerthOrg: 'default', BerthPhase: 'RUNNING', BerthWorker: 'worker-1', BerthStuck: false });

  life.on('look', wait({ ...shown, sentence: 'another sentence', revision: 7 }));
  await engine.nudge(life);
  await life.told(4);
  expect(await upserts()).toBe(1);

  life.on('look', wait({ ...shown, stuck: true }));
  await engine.nudge(life);
  await life.told(5);
  expect(await upserts()).toBe(2);
  expect(await attributesOf(life)).toMatchObject({ BerthStuck: true });

  life.on('look', wait({ phase: 'FAILED', stuck: true }));
  await engine.nudge(life);
  await life.told(6);
  expect(await upserts()).toBe(3);
  expect(await attributesOf(life)).toEqual({ BerthOrg: 'default', BerthPhase: 'FAILED', BerthStuck: true });
});

test('a run that was started with what it finds writes no search attribute at all', async () => {
  const life = engine.life().on('look', close({ phase: 'TERMINATED' }));
  life.attributes = new TypedSearchAttributes([{ key: searchAttributes.phase, value: 'TERMINATED' }]);
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(countEvents(await engine.history(life))).not.toHaveProperty('upsertWorkflowSearchAttributes');
});

test('before a visible step people are shown where it is', async () => {
  const life = engine.life().on('look', run('start', { visible: true, phase: 'INSTANTIATING', workerId: 'worker-1' }));
  life.on('start', async () => {
    expect(await attributesOf(life)).toMatchObject({ BerthPhase: 'INSTANTIATING', BerthWorker: 'worker-1' });
    return close({ phase: 'TERMINATED' });
  });
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.calls.map(({ tryNumber }) => tryNumber)).toEqual([1, 1]);
  expect(await attributesOf(life)).toEqual({ BerthPhase: 'TERMINATED', BerthStuck: false });
});

test('the current details are the sentence of the last answer', async () => {
  const life = engine.life().on('look', wait({ sentence: '**RUNNING** — on worker-1' }));
  await engine.nudge(life);
  await life.told(1);
  await settledEvents(life);
  expect((await engine.handle(life).query(workflowMetadataQuery)).currentDetails).toBe('**RUNNING** — on worker-1');
  life.on('look', wait({ sentence: '**STOPPED** — its time was over' }));
  await engine.nudge(life);
  await life.told(2);
  await settledEvents(life);
  expect((await engine.handle(life).query(workflowMetadataQuery)).currentDetails).toBe('**STOPPED** — its time was over');
});

test('a run that finds its object gone ends, and nothing is run for it', async () => {
  const life = engine.life().on('look', close({ phase: 'GONE', sentence: 'it is not there' }));
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look']);
  expect((await engine.handle(life).describe()).status.name).toBe('COMPLETED');
});

test('a lifecycle that has ended is begun anew by the next nudge', async () => {
  const life = engine.life().on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  const first = await engine.handle(life).describe();
  await engine.nudge(life);
  await engine.handle(life).result();
  expect((await engine.handle(life).describe()).runId).not.toBe(first.runId);
  expect(life.story).toEqual(['look', 'look']);
});

test('what the lifecycles above did replays', () => engine.replayAll());
