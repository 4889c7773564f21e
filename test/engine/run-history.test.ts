import { join } from 'node:path';
import { readRunHistory, textOf } from '../../src/engine/run-history';
import { readHistory } from '../replay/portable-history';

const told = (name: string) => readRunHistory(readHistory(join(__dirname, '../replay/histories', `${name}.json`)).events ?? []);

test('a life from creation to its end is told step by step, with the process that did each', () => {
  const { attempts, nudges } = told('created-running-terminated');
  expect(attempts.map(({ activity, outcome }) => `${activity} ${outcome}`)).toEqual(['look completed', 'schedule completed', 'start completed', 'look completed', 'remove completed']);
  expect(new Set(attempts.map(({ process }) => process))).toEqual(new Set(['control']));
  expect(attempts.every(({ visible, endedAt }) => !visible && endedAt !== undefined)).toBe(true);
  expect(attempts[2]).toMatchObject({ summary: 'start, attempt 1', attempt: 1 });
  expect(nudges).toBeGreaterThan(0);
});

test('what failed says why, and how often it was tried before it went well', () => {
  const { attempts } = told('stores-down');
  expect(attempts).toMatchObject([
    { activity: 'look', outcome: 'failed', attempt: 6, error: 'etcd is down' },
    { activity: 'look', outcome: 'completed', attempt: 7 },
  ]);
});

test('a visible step that was given up is cancelled, in the place at which it was scheduled', () => {
  const { attempts } = told('visible-step-left');
  expect(attempts.map(({ activity, visible, outcome }) => ({ activity, visible, outcome }))).toEqual([
    { activity: 'look', visible: false, outcome: 'completed' },
    { activity: 'start', visible: true, outcome: 'cancelled' },
    { activity: 'look', visible: false, outcome: 'completed' },
    { activity: 'remove', visible: false, outcome: 'completed' },
    { activity: 'look', visible: false, outcome: 'completed' },
  ]);
});

test('a history that goes on has its last activity pending', () => {
  const { events } = readHistory(join(__dirname, '../replay/histories', 'visible-step-left.json'));
  expect(readRunHistory(events!.slice(0, 12)).attempts.at(-1)).toMatchObject({ activity: 'start', outcome: 'pending', summary: 'start, attempt 1' });
});

test('a failure is told with its causes, outermost first', () => {
  const inner = { message: 'ECONNREFUSED', applicationFailureInfo: { type: 'Error' } };
  expect(textOf({ message: 'no answer', applicationFailureInfo: { type: 'EtcdUnavailable' }, cause: inner })).toBe('EtcdUnavailable: no answer ← ECONNREFUSED');
});

test('a history that somebody else wrote into is read as far as it can be', () => {
  const data = Buffer.from('no JSON');
  const marker = { markerName: 'core_local_activity', details: { data: { payloads: [{ data }] } } };
  const events = [{ markerRecordedEventAttributes: marker, userMetadata: { summary: { data } } }];
  expect(readRunHistory(events).attempts).toEqual([expect.objectContaining({ activity: 'unknown', outcome: 'completed' })]);
});
