import { RecentEvents } from '../../../src/stores/etcd/recent-events';

interface Event {
  readonly id: string;
  readonly bytes: number;
}

const event = (n: number, bytes = 10): Event => ({ id: idOf(n), bytes });
const idOf = (n: number) => String(n).padStart(5, '0');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => event(from + at));
const after = (events: RecentEvents<Event>, n: number) => [...events.after(idOf(n))].map(({ id }) => Number(id));

test('tells what comes after any position that is not below its floor', () => {
  const events = new RecentEvents<Event>({ eventsMax: 100, bytesMax: 1_000 }, idOf(10));
  events.append([event(12), event(14), event(16)]);
  expect([10, 11, 12, 13, 16, 99].map((n) => after(events, n))).toEqual([[12, 14, 16], [12, 14, 16], [14, 16], [14, 16], [], []]);
  expect([12, 13, 16, 17].map((n) => events.has(idOf(n)))).toEqual([true, false, true, false]);
});

test('drops the oldest beyond each of its bounds, and raises its floor to what it dropped', () => {
  const byCount = new RecentEvents<Event>({ eventsMax: 3, bytesMax: 1_000 }, idOf(0));
  byCount.append(range(1, 5));
  expect({ floor: byCount.floor, left: after(byCount, 2) }).toEqual({ floor: idOf(2), left: [3, 4, 5] });
  const byBytes = new RecentEvents<Event>({ eventsMax: 100, bytesMax: 35 }, idOf(0));
  byBytes.append(range(1, 5));
  expect({ floor: byBytes.floor, bytes: byBytes.bytes, left: after(byBytes, 2) }).toEqual({ floor: idOf(2), bytes: 30, left: [3, 4, 5] });
  byBytes.append([event(6, 1_000)]);
  expect({ floor: byBytes.floor, count: byBytes.count, bytes: byBytes.bytes }).toEqual({ floor: idOf(6), count: 0, bytes: 0 });
  byBytes.append([event(7)]);
  expect(after(byBytes, 6)).toEqual([7]);
});

test('stays within its bounds and in order over many more events than it holds', () => {
  const events = new RecentEvents<Event>({ eventsMax: 500, bytesMax: 100_000 }, idOf(0));
  for (let n = 1; n <= 20_000; n += 10) events.append(range(n, n + 9));
  expect({ floor: events.floor, count: events.count, bytes: events.bytes }).toEqual({ floor: idOf(19_500), count: 500, bytes: 5_000 });
  expect(after(events, 19_900)).toEqual(range(19_901, 20_000).map(({ id }) => Number(id)));
});

test('takes older events in front as far as there is room, the newest of them first', () => {
  const all = new RecentEvents<Event>({ eventsMax: 100, bytesMax: 1_000 }, idOf(10));
  all.append(range(11, 12));
  all.prepend(idOf(4), range(6, 8));
  expect({ floor: all.floor, held: after(all, 4), bytes: all.bytes }).toEqual({ floor: idOf(4), held: [6, 7, 8, 11, 12], bytes: 50 });

  const tight = new RecentEvents<Event>({ eventsMax: 4, bytesMax: 1_000 }, idOf(10));
  tight.append(range(11, 12));
  tight.prepend(idOf(4), range(5, 10));
  expect({ floor: tight.floor, held: after(tight, 8) }).toEqual({ floor: idOf(8), held: [9, 10, 11, 12] });

  const full = new RecentEvents<Event>({ eventsMax: 2, bytesMax: 1_000 }, idOf(10));
  full.append(range(11, 12));
  full.prepend(idOf(4), range(5, 10));
  expect({ floor: full.floor, held: after(full, 10) }).toEqual({ floor: idOf(10), held: [11, 12] });
});
