import fc from 'fast-check';
import { CorruptPortBitmapError } from '../../src/domain/port-bitmap';
import { claimPorts, emptyPorts, freeCount, heldPorts, isHeld, releasePorts } from '../../src/domain/ports';
import type { PortRange, WorkerPorts } from '../../src/domain/worker';

const range: PortRange = { from: 2000, to: 2009 };

function holding(numbers: readonly number[], within: PortRange = range): WorkerPorts {
  const claimed = claimPorts(emptyPorts(within), numbers);
  if ('refused' in claimed) throw new Error(claimed.refused.message);
  return claimed.value;
}

const ranges = fc
  .record({ from: fc.integer({ min: 1, max: 60_000 }), size: fc.integer({ min: 1, max: 70 }) })
  .map(({ from, size }) => ({ from, to: from + size - 1 }));

describe('the bitmap', () => {
  it('keeps bit i for port from + i, little-endian within a byte', () => {
    expect(emptyPorts(range)).toEqual({ schemaVersion: 1, from: 2000, to: 2009, bitmap: 'AAA=' });
    expect(holding([2000, 2002, 2009]).bitmap).toBe(Buffer.from([0b101, 0b10]).toString('base64'));
  });

  it('reads back what was stored, also from a value that it did not make itself', () => {
    const stored = JSON.parse(JSON.stringify(holding([2001, 2009]))) as WorkerPorts;
    expect(heldPorts(stored)).toEqual([2001, 2009]);
    expect(freeCount(stored)).toBe(8);
    expect([2000, 2001, 1999, 2010].map((port) => isHeld(stored, port))).toEqual([false, true, false, false]);
  });

  it.each([
    ['too short', 'AA=='],
    ['too long', 'AAAA'],
    ['not base64', '!'],
    ['a bit beyond the range', Buffer.from([0, 0b100]).toString('base64')],
  ])('refuses to read a damaged one: %s', (_, bitmap) => {
    expect(() => heldPorts({ schemaVersion: 1, ...range, bitmap })).toThrow(CorruptPortBitmapError);
  });
});

describe('claim and release', () => {
  it.each([
    [[2001], 'PortsTaken', [2001], 'port 2001 is held by an allocation already'],
    [[2000, 2001, 2003], 'PortsTaken', [2001, 2003], 'ports 2001, 2003 are held by an allocation already'],
    [[1999, 2000], 'PortsOutOfRange', [1999], 'port 1999 is not in the range 2000-2009'],
    [[2000.5], 'PortsOutOfRange', [2000.5], 'port 2000.5 is not in the range 2000-2009'],
    [[2000, 2000], 'PortsRepeated', [2000], 'port 2000 is given more than once'],
  ])('claiming %j is refused', (numbers, code, ports, message) => {
    expect(claimPorts(holding([2001, 2003]), numbers)).toEqual({ refused: { code, ports, message } });
  });

  it.each([
    [[2000], 'PortsNotHeld', [2000], 'port 2000 is to be released, but held by no allocation'],
    [[2000, 2001, 2002], 'PortsNotHeld', [2000, 2002], 'ports 2000, 2002 are to be released, but held by no allocation'],
    [[2001, 2010], 'PortsOutOfRange', [2010], 'port 2010 is not in the range 2000-2009'],
    [[2001, 2001], 'PortsRepeated', [2001], 'port 2001 is given more than once'],
  ])('releasing %j is refused', (numbers, code, ports, message) => {
    expect(releasePorts(holding([2001, 2003]), numbers)).toEqual({ refused: { code, ports, message } });
  });

  it('leaves the value that it was given as it was', () => {
    const before = holding([2001]);
    const copy = { ...before };
    claimPorts(before, [2002]);
    releasePorts(before, [2001]);
    expect(before).toEqual(copy);
    expect(heldPorts(before)).toEqual([2001]);
  });

  it('agrees with a set of numbers, for any sequence, and ends where it began', () => {
    fc.assert(
      fc.property(ranges, fc.array(fc.tuple(fc.boolean(), fc.nat())), (within, moves) => {
        const size = within.to - within.from + 1;
        const model = new Set<number>();
        let ports = emptyPorts(within);
        for (const [claim, pick] of moves) {
          const port = within.from + (pick % size);
          const outcome = claim ? claimPorts(ports, [port]) : releasePorts(ports, [port]);
          expect('refused' in outcome).toBe(model.has(port) === claim);
          if ('refused' in outcome) continue;
          ports = outcome.value;
          if (claim) model.add(port);
          else model.delete(port);
          expect(heldPorts(ports)).toEqual([...model].sort((one, other) => one - other));
          expect(freeCount(ports)).toBe(size - model.size);
        }
        expect(releasePorts(ports, [...model])).toEqual({ value: emptyPorts(within) });
      }),
    );
  });
});
