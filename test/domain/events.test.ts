import fc from 'fast-check';
import type { RecordedEvent } from '../../src/domain/events';
import { eventId, toCloudEvent } from '../../src/domain/events';
import { nextSequence } from '../../src/domain/header';
import { at } from '../support/domain-objects';

/** Of every length, since what is short and what is long must sort together. */
const revisions = fc
  .nat(18)
  .chain((zeros) => fc.bigInt({ min: 10n ** BigInt(zeros), max: 10n ** BigInt(zeros + 1) - 1n }))
  .filter((revision) => revision < 2n ** 63n);
const places = fc.record({ epoch: fc.integer({ min: 1, max: 9_999 }), revision: revisions, index: fc.integer({ min: 0, max: 9_999 }) });

describe('the id of an event', () => {
  it('sorts as text as events follow each other, over the whole width of revisions', () => {
    fc.assert(
      fc.property(places, places, fc.boolean(), (one, elsewhere, sameEpoch) => {
        const other = sameEpoch ? { ...elsewhere, epoch: one.epoch } : elsewhere;
        const [first, second] = [one, other].map((place) => eventId({ ...place, revision: String(place.revision) }));
        const order = one.epoch - other.epoch || (one.revision < other.revision ? -1 : one.revision > other.revision ? 1 : 0) || one.index - other.index;
        expect(Math.sign(order)).toBe(first! < second! ? -1 : first! > second! ? 1 : 0);
      }),
    );
  });

  it.each([
    [{ epoch: 1, revision: '9', index: 9 }, { epoch: 1, revision: '9', index: 10 }],
    [{ epoch: 1, revision: '9', index: 0 }, { epoch: 1, revision: '10', index: 0 }],
    [{ epoch: 9, revision: '10', index: 0 }, { epoch: 10, revision: '1', index: 0 }],
  ])('of %j is before that of %j', (earlier, later) => {
    expect([eventId(later), eventId(earlier)].sort()).toEqual([eventId(earlier), eventId(later)]);
  });
});

describe('an event for the outside', () => {
  const event: RecordedEvent = {
    type: 'berth.instance.running',
    schemaVersion: 1,
    org: 'default',
    project: 'default',
    kind: 'Instance',
    subject: 'i-1',
    sequence: 3,
    time: at(0),
    cause: { actor: 'lifecycle', requestId: 'r', idempotencyKey: 'k', correlationId: 'c', causationId: 'x' },
    data: { to: 'RUNNING' },
    epoch: 1,
    revision: '12',
    index: 2,
  };

  it('is a CloudEvent, whose attribute names are lower case and without punctuation', () => {
    const rendered = toCloudEvent(event);
    expect(rendered).toMatchObject({ specversion: '1.0', id: eventId(event), source: '/orgs/default/projects/default', subject: 'i-1', correlationid: 'c', causationid: 'x' });
    expect(Object.keys(rendered).filter((name) => !/^[a-z0-9]{1,20}$/.test(name))).toEqual([]);
  });

  it('says nothing about what it does not know', () => {
    const rendered = toCloudEvent({ ...event, cause: { actor: 'scheduler' } });
    expect(Object.entries(rendered).filter(([, value]) => value === undefined)).toEqual([]);
    expect(rendered).not.toHaveProperty('requestid');
  });
});

it('an object\'s sequence goes on after the higher of its two counters', () => {
  expect(nextSequence()).toBe(1);
  expect(nextSequence({ sequence: 1 }, undefined)).toBe(2);
  expect(nextSequence({ sequence: 3 }, { sequence: 7 })).toBe(8);
  expect(nextSequence({ sequence: 7 }, { sequence: 3 })).toBe(8);
});
