import { keys } from '../../src/stores/etcd/keys';
import type { Expectations } from './harness/checker';
import { check, describeFindings, rules } from './harness/checker';
import { brokenBeside } from './harness/checker/fixtures/broken-beside';
import { brokenInStore } from './harness/checker/fixtures/broken-in-store';
import { placing, running, start, stop, terminate } from './harness/checker/fixtures/lives';
import { lifeOfTwo, rightHistories } from './harness/checker/fixtures/right-histories';
import { Story } from './harness/checker/fixtures/story';
import type { RunHistory } from './harness/history';

function told(tell: (story: Story) => void): RunHistory {
  const story = new Story();
  story.worker('w-1');
  story.worker('w-2');
  tell(story);
  return story.history();
}

function rulesBroken(history: RunHistory, expectations?: Expectations): string[] {
  return [...new Set(check(history, expectations).map(({ rule }) => rule))].sort();
}

describe('of a history that is right, the checker finds nothing', () => {
  test.each(Object.entries(rightHistories))('%s', (_, tell) => {
    const history = told(tell);
    expect(describeFindings(check(history, { expectEmpty: true }))).toBe('no promise was broken');
  });

  test('when an instance is still running, and may', () => {
    const history = told((story) => running(story, 'i-1', 'w-1', 2000));
    expect(describeFindings(check(history, { endPhases: ['RUNNING'] }))).toBe('no promise was broken');
  });
});

describe('what is broken in the store is found', () => {
  const cases = Object.entries(brokenInStore).flatMap(([rule, breaks]) => Object.entries(breaks).map(([what, tell]) => ({ rule, what, tell })));

  test.each(cases)('$rule: $what', ({ rule, tell }) => {
    expect(rulesBroken(told(tell))).toContain(rule);
  });

  test('at the revision where it happened, once however long it lasts', () => {
    const history = told((story) => {
      running(story, 'i-1', 'w-1', 2000);
      story.change(keys.workerCapacity('w-1'), { instances: 0 });
      running(story, 'i-2', 'w-2', 2000);
      for (let attempt = 0; attempt < 3; attempt++) story.change(keys.workerCapacity('w-1'), { instances: -attempt });
    });
    const findings = check(history).filter(({ rule }) => rule === 'capacity-differs');
    const [broken] = history.store.revisions.filter(({ changes }) => changes.some(({ key, deleted }) => key === keys.workerCapacity('w-1') && !deleted)).slice(2);
    expect(findings).toEqual([{ rule: 'capacity-differs', object: 'workers/w-1/capacity', revision: broken?.revision, message: 'says instances 0 instead of 1' }]);
  });

  test('when only the fold of two decisions forgot a claim', () => {
    const history = told((story) => {
      story.create('i-1');
      story.create('i-2');
      story.commit(placing(story, 'i-1', 'w-1', 2000), { ...placing(story, 'i-2', 'w-1', 2001), shared: { group: 'w-1', changes: [] } });
    });
    expect(rulesBroken(history)).toEqual(['allocation-without-port', 'capacity-differs']);
  });
});

describe('what is broken in calls, record, runs and remains is found', () => {
  const cases = Object.entries(brokenBeside).flatMap(([rule, breaks]) => Object.entries(breaks).map(([what, breaking]) => ({ rule, what, breaking })));

  test.each(cases)('$rule: $what', ({ rule, breaking }) => {
    expect(rulesBroken(breaking(told(lifeOfTwo)))).toContain(rule);
  });

  test('not-recorded: an entry is still in the outbox, unless there was no time', () => {
    const history = told((story) => story.create('i-1'));
    const unrecorded = { ...history, record: [] };
    expect(rulesBroken(unrecorded)).toEqual(['not-recorded']);
    expect(rulesBroken(unrecorded, { expectDrained: false })).toEqual([]);
  });
});

test('the outbox is trimmed by nobody, and may be where etcd was full', () => {
  const history = told((story) => {
    story.create('i-1');
    story.trim();
  });
  expect(rulesBroken(history)).toEqual(['led-out-of-office']);
  expect(rulesBroken(history, { storeWasFull: true })).toEqual([]);
});

describe('what is left at the end is found', () => {
  test.each<[what: string, tell: (story: Story) => void, keys: string[]]>([
    [
      'everything of an instance that still runs',
      (story) => running(story, 'i-1', 'w-1', 2000),
      ['instances/i-1/worker', 'instances/i-1/observed', 'workers/w-1/capacity', 'workers/w-1/ports', 'workers/w-1/plan/a-i-1'],
    ],
    ['a port that nobody gave back', (story) => story.change(keys.workerPorts('w-1'), { bitmap: 'AQA=' }), ['workers/w-1/ports']],
  ])('not-given-back: %s', (_, tell, left) => {
    const findings = check(told(tell), { expectEmpty: true }).filter(({ rule }) => rule === 'not-given-back');
    expect(findings.map(({ object }) => object).sort()).toEqual(left.sort());
  });

  test.each<[what: string, tell: (story: Story) => void, message: string]>([
    ['an instance that is not where it may be', (story) => running(story, 'i-1', 'w-1', 2000), 'is RUNNING: running on worker w-1'],
    ['one that was to be terminated', (story) => void [story.create('i-1'), story.act('i-1', 'terminate')], 'is PENDING, and was asked to terminate'],
    ['one without a status', (story) => void [story.create('i-1'), story.delete(keys.instanceStatus('i-1'))], 'has a spec and no status'],
    ['a stop that nobody took up', (story) => void [stopped(story), story.act('i-1', 'start')], 'is STOPPED by generation 2, and was asked for 3'],
  ])('not-arrived: %s', (_, tell, message) => {
    const findings = check(told(tell), { endPhases: ['STOPPED'] }).filter(({ rule }) => rule === 'not-arrived');
    expect(findings).toEqual([{ rule: 'not-arrived', object: 'instances/i-1', message }]);
  });
});

describe('what cannot be judged does not pass for right', () => {
  test('a gap in the history: judged up to it, and said so', () => {
    const history = told((story) => {
      running(story, 'i-1', 'w-1', 2000);
      story.change(keys.workerCapacity('w-1'), { instances: 0 });
      story.change(keys.workerStatus('w-1'), { phase: 'PENDING' });
    });
    const last = history.store.revisions[history.store.revisions.length - 1]!.revision;
    const findings = check({ ...history, store: { ...history.store, gaps: [{ from: last, to: last, reason: 'compacted' }] } });
    const unjudged = findings.filter(({ rule }) => rule === 'not-judged').map(({ object }) => object);
    expect(unjudged).toEqual(Object.keys(rules).filter((name) => rules[name]?.needs !== 'no store'));
    expect(findings.map(({ rule }) => rule)).toContain('capacity-differs');
    expect(findings.map(({ rule }) => rule)).not.toContain('phase-not-in-table');
  });

  test('a value that no rule can read', () => {
    expect(rulesBroken(told((story) => story.put(keys.instanceAllocation('i-1'), null)))).toContain('not-judged');
  });
});

test('three hundred instances on three hosts, in five thousand revisions, are checked within seconds', () => {
  const ids = Array.from({ length: 300 }, (_, number) => `i-${number}`);
  const story = new Story();
  story.lead('controller', 'c-1');
  const roomy = { capacity: { cpuMillicores: 10_000, memoryMib: 6_400, storageMib: 1_600 }, portRange: { from: 2000, to: 9999 } };
  for (const workerId of ['w-0', 'w-1', 'w-2']) story.worker(workerId, roomy);
  for (const [number, id] of ids.entries()) running(story, id, `w-${number % 3}`, 2000 + number);
  for (const id of ids) stop(story, id);
  story.trim();
  for (const id of ids) story.act(id, 'start');
  for (const id of ids) start(story, id);
  for (const id of ids) terminate(story, id);
  const history = story.history();
  expect(history.store.revisions.length).toBeGreaterThan(5_000);
  expect(describeFindings(check(history, { expectEmpty: true }))).toBe('no promise was broken');
}, 60_000);

function stopped(story: Story): void {
  running(story, 'i-1', 'w-1', 2000);
  stop(story, 'i-1');
}
