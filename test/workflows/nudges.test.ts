import { nudgesPerRunMax } from '../../src/domain/limits';
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

test('a nudge while a visible step runs: it looks, is told the same step, and stays with it', async () => {
  const started = new Gate();
  const life = engine.life().on('look', run('start', visible));
  life.on('start', async () => {
    await started.opened;
    return wait({ phase: 'RUNNING' });
  });
  await engine.nudge(life);
  expect(await life.told(2)).toEqual(['look', 'start (visible)']);
  for (const calls of [3, 4]) {
    await engine.nudge(life);
    await life.told(calls);
  }
  life.on('look', close());
  started.open();
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story.filter((name) => name === 'start (visible)')).toHaveLength(1);
  expect(countEvents(await engine.history(life))).not.toHaveProperty('activityTaskCancelRequested');
});

test('a nudge while a visible step runs: told another step, it leaves the first without waiting for its end', async () => {
  const remove = new Gate();
  const left = new Gate();
  const end = new Gate();
  const life = engine.life().on('look', run('start', visible), run('remove'));
  life.on('start', async (call) => {
    await untilLeft(call).catch(() => left.open());
    await end.opened;
    return wait();
  });
  life.on('remove', async () => {
    await remove.opened;
    return close({ phase: 'TERMINATED' });
  });
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  // The lifecycle is at its next step while the activity that it has left still runs.
  expect(await life.told(4)).toEqual(['look', 'start (visible)', 'look', 'remove']);
  remove.open();
  await engine.handle(life).result();
  expect(countEvents(await engine.history(life))).toMatchObject({ activityTaskCancelRequested: 1 });
  end.open();
});

test('a visible step that is left hears of it with its next heartbeat', async () => {
  const left = new Gate();
  const life = engine.life().on('look', run('start', visible), wait());
  life.on('start', async (call) => {
    await untilLeft(call).catch(() => left.open());
    return wait();
  });
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await left.opened;
  expect(await life.told(3)).toEqual(['look', 'start (visible)', 'look']);
});

test('a nudge between the look and the wait is not lost', async () => {
  const life = engine.life();
  life.on('look', () => engine.nudge(life).then(() => wait()), wait());
  await engine.nudge(life);
  expect(await life.told(2)).toEqual(['look', 'look']);
});

test('a nudge while a step runs on the fast path is not lost', async () => {
  const life = engine.life().on('look', run('start'), close());
  life.on('start', () => engine.nudge(life).then(() => wait()));
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start', 'look']);
});

test('a nudge that is looked for while the visible step comes to its end is not lost', async () => {
  const looking = new Gate();
  const ended = new Gate();
  const life = engine.life().on('start', () => ended.opened.then(() => wait()));
  life.on('look', run('start', visible), () => looking.opened.then(() => run('start', visible)), close());
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await life.told(3);
  // The step ends while the look, which found it still under way, has not been heard. What the nudge was about may
  // have happened after the step decided, so the lifecycle must look once more.
  ended.open();
  await engine.untilNoActivityIsPending(life);
  looking.open();
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'start (visible)', 'look', 'look']);
});

test('it closes only when nobody has nudged since it looked', async () => {
  const life = engine.life();
  life.on('look', () => engine.nudge(life).then(() => close()), wait(), close());
  await engine.nudge(life);
  expect(await life.told(2)).toEqual(['look', 'look']);
  expect((await engine.handle(life).describe()).status.name).toBe('RUNNING');
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'look', 'look']);
});

test('it closes only when it has looked since the last nudge that it heard', async () => {
  const ended = new Gate();
  const life = engine.life('Worker').on('look', run('destroy', visible)).on('destroy', () => ended.opened.then(() => close()));
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await life.told(3);
  life.on('look', wait());
  ended.open();
  expect(await life.told(4)).toEqual(['look', 'destroy (visible)', 'look', 'look']);
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
});

test('a nudge during the backoff looks at once, and the timer is taken back', async () => {
  const life = engine.life();
  life.on('look', () => wait({ untilMs: Date.now() + 3_600_000 }), close());
  await engine.nudge(life);
  await life.told(1);
  await engine.nudge(life);
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'look']);
  expect(countEvents(await engine.history(life))).not.toHaveProperty('timerFired');
});

test(`after ${nudgesPerRunMax} nudges it continues as new, carries nothing but the id, and looks first`, async () => {
  const life = engine.life().on('look', wait({ phase: 'RUNNING', workerId: 'worker-1' }));
  await engine.nudge(life);
  await life.told(1);
  const { runId: firstRun } = await engine.handle(life).describe();
  await engine.nudgeOften(life, nudgesPerRunMax - 2);
  expect((await engine.handle(life).describe()).runId).toBe(firstRun);
  const before = life.story.length;

  await engine.nudge(life);
  const { runId: secondRun } = await engine.untilRunIsNot(life, firstRun);
  expect((await life.told(before + 1)).at(-1)).toBe('look');
  const [started] = await engine.history(life, secondRun);
  const { input, searchAttributes } = started!.workflowExecutionStartedEventAttributes!;
  expect(input?.payloads?.map(({ data }) => JSON.parse(Buffer.from(data!).toString()) as unknown)).toEqual([life.id]);
  expect(Object.keys(searchAttributes?.indexedFields ?? {})).toEqual(expect.arrayContaining(['BerthPhase', 'BerthWorker', 'BerthStuck']));
  expect((await engine.handle(life, firstRun).describe()).status.name).toBe('CONTINUED_AS_NEW');

  await engine.nudge(life);
  await life.told(before + 2);
  expect(countEvents(await engine.history(life, secondRun))).not.toHaveProperty('upsertWorkflowSearchAttributes');
  life.on('look', close({ phase: 'TERMINATED' }));
  await engine.nudge(life);
  await engine.handle(life).result();
}, 60_000);

test('nudges that gather while no control process runs are one look', async () => {
  const life = engine.life().on('look', wait());
  await engine.nudge(life);
  await life.told(1);
  await engine.stopWorker();
  await engine.nudgeOften(life, 30);
  life.on('look', close());
  await engine.startWorker();
  await engine.handle(life).result();
  expect(life.story).toEqual(['look', 'look']);
});

test('what the lifecycles above did replays', () => engine.replayAll());
