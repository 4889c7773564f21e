import type { Epochs } from '../../src/domain/epochs';
import { firstEpochs } from '../../src/domain/epochs';
import type { PlannedEntry, Wanted } from '../../src/domain/plan';
import { floorAfter } from '../../src/domain/plan-floor';

/** Restored from a copy at revision 500. */
const restored: Epochs = { epoch: 2, firstRevision: '9000', history: [{ epoch: 1, lastGoodRevision: '500' }] };

function entry(epoch: number | undefined, revision: number, attempt: number, wanted: Wanted = 'running'): PlannedEntry {
  return { schemaVersion: 1, allocationId: 'a', instanceId: 'i', workloadHash: '', attempt, wanted, revision: `${revision}`, ...(epoch !== undefined && { epoch }) };
}

interface Case {
  readonly knew: PlannedEntry;
  readonly floor: number;
  readonly running?: number;
  readonly hears: PlannedEntry;
  readonly then: number;
}

test.each<[string, Case]>([
  ['within an epoch it stays, whatever is heard', { knew: entry(2, 9_100, 3), floor: 3, hears: entry(2, 9_200, 1), then: 3 }],
  ['what the copy knows of keeps it', { knew: entry(1, 400, 2), floor: 2, running: 2, hears: entry(2, 400, 2), then: 2 }],
  ['and so does what the copy knows better', { knew: entry(1, 400, 2, 'stopped'), floor: 2, hears: entry(2, 450, 3), then: 2 }],
  ['an attempt of the copy that was stopped in lost history is started again', { knew: entry(1, 600, 2, 'stopped'), floor: 2, hears: entry(2, 400, 2), then: 1 }],
  ['an attempt of the copy that still runs goes on', { knew: entry(1, 600, 2, 'stopped'), floor: 2, running: 2, hears: entry(2, 400, 2), then: 2 }],
  ['attempts of lost history make room for the one of the copy', { knew: entry(1, 600, 5), floor: 5, running: 5, hears: entry(2, 400, 2), then: 1 }],
  ['and for those of the same numbers that come later', { knew: entry(1, 600, 5), floor: 5, running: 5, hears: entry(2, 9_100, 5), then: 4 }],
  ['what is wanted stopped is not started', { knew: entry(1, 600, 5), floor: 5, running: 5, hears: entry(2, 400, 2, 'stopped'), then: 2 }],
  ['what is wanted absent is not started', { knew: entry(1, 600, 5), floor: 5, hears: entry(2, 9_100, 2, 'absent'), then: 2 }],
  ['it never rises', { knew: entry(1, 600, 1), floor: 0, hears: entry(2, 9_100, 7), then: 0 }],
])('the floor: %s', (_name, { knew, floor, running, hears, then }) => {
  expect(floorAfter({ entry: knew, floor, running }, hears, restored)).toBe(then);
});

test('the floor stays on a control plane that knows no epochs', () => {
  expect(floorAfter({ entry: entry(undefined, 700, 3), floor: 3 }, entry(undefined, 800, 1), firstEpochs)).toBe(3);
});

test('the floor after two restores is that of the copy which the entry had been put after', () => {
  const twice: Epochs = { epoch: 3, firstRevision: '20000', history: [...restored.history, { epoch: 2, firstRevision: '9000', lastGoodRevision: '9500' }] };
  expect(floorAfter({ entry: entry(2, 9_600, 5), floor: 5 }, entry(3, 9_400, 2), twice)).toBe(1);
  expect(floorAfter({ entry: entry(2, 400, 5), floor: 5 }, entry(3, 400, 5), twice)).toBe(5);
  expect(floorAfter({ entry: entry(1, 600, 5), floor: 5 }, entry(3, 400, 2), twice)).toBe(1);
});

test('the floor after an epoch that was passed over keeps what that had begun with', () => {
  const passedOver: Epochs = { epoch: 3, firstRevision: '20000', history: restored.history };
  expect(floorAfter({ entry: entry(2, 400, 5), floor: 5, running: 5 }, entry(3, 400, 5), passedOver)).toBe(5);
  expect(floorAfter({ entry: entry(2, 9_100, 5), floor: 5, running: 5 }, entry(3, 400, 5), passedOver)).toBe(5);
  expect(floorAfter({ entry: entry(2, 9_100, 6), floor: 6, running: 6 }, entry(3, 400, 5), passedOver)).toBe(4);
});
