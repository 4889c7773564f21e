import fc from 'fast-check';
import { beginning, partsOf, positionAfter } from '../../src/domain/event-position';
import { joinSeam } from '../../src/domain/event-seam';
import { eventId } from '../../src/domain/events';

interface Event {
  readonly id: string;
}

/** A commit of one to three events, and how far it has come on its way from the outbox into the record. */
const commits = fc.array(fc.record({ events: fc.integer({ min: 1, max: 3 }), progress: fc.constantFrom('waiting', 'in both', 'recorded') }), { maxLength: 12 });

/**
 * A world as two reads find it: the outbox at a revision, then a page of the record. Between the two anything that was
 * committed may be recorded, in any order, what was committed after the first read included.
 */
function world(before: ReadonlyArray<{ events: number; progress: string }>, later: readonly boolean[]) {
  const eventsOf = (revision: number, count: number): Event[] => Array.from({ length: count }, (_, index) => ({ id: eventId({ epoch: 1, revision: String(revision), index }) }));
  const committed = before.map(({ events, progress }, at) => ({ progress, events: eventsOf(at + 1, events) }));
  const waiting = committed.filter(({ progress }) => progress !== 'recorded').flatMap(({ events }) => events);
  const recordedBefore = committed.filter(({ progress }) => progress !== 'waiting').flatMap(({ events }) => events);
  const recordedAfter = later.flatMap((isRecorded, at) => (isRecorded ? eventsOf(before.length + 1 + at, 1) : []));
  return { all: committed.flatMap(({ events }) => events), waiting, record: [...recordedBefore, ...recordedAfter], reached: positionAfter(1, before.length) };
}

const inOrder = (events: readonly Event[]) => [...events].sort((one, other) => (one.id < other.id ? -1 : 1));

test('whatever is where, reading on and on tells every event once, in order, and never one that another may precede', () => {
  fc.assert(
    fc.property(commits, fc.array(fc.boolean(), { maxLength: 5 }), fc.integer({ min: 1, max: 5 }), (before, later, pageSize) => {
      const { all, waiting, record, reached } = world(before, later);
      const told: Event[] = [];
      let after = beginning;
      while (after < reached) {
        const recorded = inOrder(record).filter(({ id }) => id > after).slice(0, pageSize);
        const { events, position } = joinSeam({ after, waiting, reached, recorded, isFull: recorded.length === pageSize });
        expect(position > after).toBe(true);
        told.push(...events);
        after = position;
      }
      expect(after).toBe(reached);
      expect(told).toEqual(all);
    }),
    { numRuns: 2_000 },
  );
});

test('what is recorded beyond the revision that was read is not trusted', () => {
  const late = { id: eventId({ epoch: 1, revision: '9', index: 0 }) };
  expect(joinSeam({ after: beginning, waiting: [], reached: positionAfter(1, 5), recorded: [late], isFull: false })).toEqual({ events: [], position: positionAfter(1, 5) });
  expect(joinSeam({ after: beginning, waiting: [], reached: positionAfter(1, 5), recorded: [late], isFull: true })).toEqual({ events: [], position: positionAfter(1, 5) });
});

test('positions lie where they should among events', () => {
  const id = (epoch: number, revision: number, index: number) => eventId({ epoch, revision: String(revision), index });
  const places = [beginning, id(1, 9, 0), id(1, 9, 120), positionAfter(1, 9), id(1, 10, 0), positionAfter(1, 10), id(2, 3, 0)];
  expect([...places].sort()).toEqual(places);
  expect(partsOf(id(1, 9, 120))).toEqual({ epoch: 1, revision: 9, index: 120, isEvent: true });
  expect(partsOf(positionAfter(3, 10))).toMatchObject({ epoch: 3, revision: 10, isEvent: false });
  expect([beginning, '', '1-2-3', `${id(1, 1, 1)} `, '0001-9999999999999999999-0000'].map(partsOf)).toEqual(Array(5).fill(undefined));
});
