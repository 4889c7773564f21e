import fc from 'fast-check';
import type { Epochs, Position } from '../../src/domain/epochs';
import { epochOfEventId, firstEpochs, firstRevisionAfter, nextEpochs, positionIn, positionOf } from '../../src/domain/epochs';
import { eventId } from '../../src/domain/events';

const idOf = (epoch: number, revision: number) => eventId({ epoch, revision: String(revision), index: 0 });

/** Restored twice: from a copy at 500, then, two epochs on, from one at 10_020. Epoch 3 was a branch that is lost. */
const restored: Epochs = {
  epoch: 4,
  firstRevision: '20000',
  history: [
    { epoch: 1, lastGoodRevision: '500' },
    { epoch: 2, firstRevision: '10000', lastGoodRevision: '10020' },
  ],
};

describe('positionIn', () => {
  test.each<[string, string, Position]>([
    ['an event before the copy', idOf(1, 500), 'past'],
    ['an event beyond the copy', idOf(1, 501), 'lost'],
    ['an event of a former epoch', idOf(2, 10_020), 'past'],
    ['an event of a former epoch beyond its copy', idOf(2, 10_021), 'lost'],
    ['an event of a former epoch by another restore from the same copy', idOf(2, 9_999), 'lost'],
    ['an event of an epoch that was passed over', idOf(3, 15_000), 'lost'],
    ['an event of this epoch', idOf(4, 20_001), 'current'],
    ['an event of this epoch by another restore from the same copy', idOf(4, 19_999), 'lost'],
    ['an event of an epoch to come', idOf(5, 30_000), 'unknown'],
    ['something else', 'latest', 'unknown'],
    ['nothing', '', 'unknown'],
    ['an id with something behind it', `${idOf(4, 20_001)}x`, 'unknown'],
  ])('%s', (_name, id, position) => {
    expect(positionIn(restored, id)).toBe(position);
  });

  test('in a store that was never restored everything is current', () => {
    expect(positionIn(firstEpochs, idOf(1, 1))).toBe('current');
    expect(positionIn(firstEpochs, idOf(2, 1))).toBe('unknown');
  });
});

describe('nextEpochs', () => {
  test('closes the epoch at the copy', () => {
    expect(nextEpochs(firstEpochs, { lastGoodRevision: '500', firstRevision: '10000', highestEpochSeen: 1 })).toEqual({
      epoch: 2,
      firstRevision: '10000',
      history: [{ epoch: 1, lastGoodRevision: '500' }],
    });
  });

  test('passes over the epochs of branches that the record has seen', () => {
    const next = nextEpochs(firstEpochs, { lastGoodRevision: '500', firstRevision: '10000', highestEpochSeen: 3 });
    expect(next.epoch).toBe(4);
    expect(positionIn(next, idOf(2, 700))).toBe('lost');
  });

  test('whatever is restored from whatever copy, an id that counted stays or is lost, and none is current twice', () => {
    const steps = fc.array(fc.record({ commits: fc.integer({ min: 1, max: 900 }), back: fc.integer({ min: 0, max: 500 }), pauseMs: fc.integer({ min: 1_000, max: 5_000 }) }), { maxLength: 6 });
    fc.assert(
      fc.property(steps, (restores) => {
        let [epochs, revision, nowMs] = [firstEpochs, 1, 1_000_000];
        for (const { commits, back, pauseMs } of restores) {
          const former = epochs;
          const last = revision + commits;
          nowMs += pauseMs;
          // A copy is never older than the epoch here: older ones hold the epochs of their own time.
          const copy = Math.max(revision, last - back);
          const first = firstRevisionAfter(copy, nowMs, 1_000);
          epochs = nextEpochs(former, { lastGoodRevision: String(copy), firstRevision: String(first), highestEpochSeen: former.epoch });
          for (const seen of [revision, copy, copy + 1, last]) {
            expect(positionOf(epochs, former.epoch, String(seen))).toBe(seen > copy ? 'lost' : 'past');
            expect(seen).toBeLessThan(first);
          }
          revision = first;
        }
      }),
    );
  });
});

test('an id tells its epoch', () => {
  expect(epochOfEventId(idOf(12, 7))).toBe(12);
  expect(epochOfEventId('junk')).toBeUndefined();
});

test('the revisions of a restored store begin behind the copy and behind the clock', () => {
  expect(firstRevisionAfter(500, 1_700, 1_000)).toBe(1_700);
  expect(firstRevisionAfter(5_000, 1_700, 1_000)).toBe(6_000);
});
