import fc from 'fast-check';
import { statusMessageCharactersMax } from '../../src/domain/limits';
import type { Condition } from '../../src/domain/status';
import { cutMessage, withCondition } from '../../src/domain/status';
import { at } from '../support/domain-objects';

const ready: Condition = { type: 'Ready', status: 'False', reason: 'Starting', message: 'm', observedGeneration: 1, lastTransitionTime: at(0) };
const placed: Condition = { ...ready, type: 'Scheduled', status: 'True' };

describe('setting a condition', () => {
  it('adds it, and leaves the others', () => {
    expect(withCondition([placed], ready)).toEqual([placed, ready]);
    expect(withCondition([placed, ready], { ...ready, status: 'True' })[0]).toBe(placed);
  });

  it('keeps the transition time while the status stays', () => {
    const later = { ...ready, reason: 'Stopping', message: 'n', observedGeneration: 2, lastTransitionTime: at(9) };
    expect(withCondition([ready], later)).toEqual([{ ...later, lastTransitionTime: at(0) }]);
  });

  it('moves the transition time with the status', () => {
    expect(withCondition([ready], { ...ready, status: 'True', lastTransitionTime: at(9) })).toEqual([{ ...ready, status: 'True', lastTransitionTime: at(9) }]);
  });

  it('gives the same list back when only the time would change', () => {
    const conditions = [placed, ready];
    expect(withCondition(conditions, { ...ready, lastTransitionTime: at(9) })).toBe(conditions);
  });
});

describe('a text in status', () => {
  it('is kept as long as it fits', () => {
    const longest = 'x'.repeat(statusMessageCharactersMax);
    expect(cutMessage(longest)).toBe(longest);
    expect(cutMessage(`${longest}y`)).toBe(`${'x'.repeat(statusMessageCharactersMax - 1)}…`);
  });

  it('is never longer, and comes back from UTF-8 as it went', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.constantFrom('a', 'é', '字', '🧪'), (offset, character) => {
        const cut = cutMessage('x'.repeat(offset) + character.repeat(statusMessageCharactersMax));
        expect(cut.length).toBeLessThanOrEqual(statusMessageCharactersMax);
        expect(Buffer.from(cut).toString()).toBe(cut);
      }),
    );
  });
});
