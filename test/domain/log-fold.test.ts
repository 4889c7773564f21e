import fc from 'fast-check';
import type { CloudEvent } from '../../src/domain/events';
import { toCloudEvent } from '../../src/domain/events';
import { LogFold } from '../../src/domain/log-fold';
import { event } from '../support/etcd';

/** Events of three objects, `length` each. */
function log(length: number): CloudEvent[] {
  return ['i-1', 'i-2', 'i-3'].flatMap((subject) =>
    Array.from({ length }, (_, at) => {
      const draft = event(subject, { spec: { id: subject }, status: { at: at + 1 } });
      return toCloudEvent({ ...draft, sequence: at + 1, epoch: 1, revision: String(at + 1), index: 0 });
    }),
  );
}

function folded(events: readonly CloudEvent[]): LogFold {
  const fold = new LogFold();
  for (const one of events) fold.add(one);
  return fold;
}

test('in whatever order the log is read, and however often, the states are the same', () => {
  const events = log(8);
  const states = folded(events).states;
  expect([...states.values()].map(({ status }) => status)).toEqual([{ at: 8 }, { at: 8 }, { at: 8 }]);
  const shuffled = fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 });
  fc.assert(
    fc.property(shuffled, (order) => {
      const fold = folded(order);
      expect(fold.gaps()).toEqual([]);
      expect(Object.fromEntries(fold.states)).toEqual(Object.fromEntries(states));
    }),
  );
});

test('what follows a missing event is in no state, and the gap is named', () => {
  const fold = folded(log(6).filter(({ subject, sequence }) => !(subject === 'i-2' && (sequence === 3 || sequence === 4))));
  expect(fold.gaps()).toEqual([{ subject: 'i-2', after: 2, before: 5 }]);
  expect(fold.states.get('i-2')).toMatchObject({ sequence: 2, status: { at: 2 } });
  expect(fold.states.get('i-1')).toMatchObject({ sequence: 6 });
});

test('an object whose first event is missing has no state', () => {
  const fold = folded(log(3).filter(({ sequence }) => sequence !== 1));
  expect(fold.states.size).toBe(0);
  expect(fold.gaps()).toHaveLength(3);
  expect(fold.gaps()[0]).toEqual({ subject: 'i-1', after: 0, before: 2 });
});

test('of what has retired no state is kept, and what is told of it again is neither an event more nor a gap', () => {
  const end = toCloudEvent({ ...event('i-1', {}), type: 'berth.instance.retired', sequence: 4, epoch: 1, revision: '4', index: 0 });
  const events = [...log(3), end];
  const fold = folded([...events, ...events, ...[...events].reverse()]);
  expect([...fold.states.keys()]).toEqual(['i-2', 'i-3']);
  expect(fold.gaps()).toEqual([]);
});
