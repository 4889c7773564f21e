import fc from 'fast-check';
import type { PortRequest } from '../../src/domain/definition';
import type { PortRefusal } from '../../src/domain/port-choice';
import { choosePorts } from '../../src/domain/port-choice';
import { claimPorts, emptyPorts } from '../../src/domain/ports';
import type { PortRange, WorkerPorts } from '../../src/domain/worker';

const range: PortRange = { from: 2000, to: 2009 };

function holding(numbers: readonly number[], within: PortRange = range): WorkerPorts {
  const claimed = claimPorts(emptyPorts(within), numbers);
  if ('refused' in claimed) throw new Error(claimed.refused.message);
  return claimed.value;
}

function requests(...ports: ReadonlyArray<number | undefined>): PortRequest[] {
  return ports.map((port, index) => ({ name: `p${index}`, protocol: 'tcp', ...(port !== undefined && { port }) }));
}

const ranges = fc
  .record({ from: fc.integer({ min: 1, max: 60_000 }), size: fc.integer({ min: 1, max: 70 }) })
  .map(({ from, size }) => ({ from, to: from + size - 1 }));

/** A range, with some of its ports held by allocations, some by the host, and what is asked for. */
const situations = ranges.chain((within) => {
  const port = fc.integer({ min: within.from, max: within.to });
  return fc.record({
    within: fc.constant(within),
    held: fc.uniqueArray(port),
    hostPorts: fc.uniqueArray(fc.integer({ min: within.from - 1, max: within.to + 1 })),
    asked: fc.array(fc.option(fc.integer({ min: within.from - 1, max: within.to + 1 }), { nil: undefined }), { maxLength: 8 }),
    seed: fc.string(),
  });
});

describe('choosing ports', () => {
  it.each([
    [requests(2003), 'PortHeld', 'needs port 2003 for p0, which another allocation holds', { port: 2003, holder: 'allocation' }],
    [requests(2005), 'PortHeld', 'needs port 2005 for p0, which the host itself holds', { port: 2005, holder: 'host' }],
    [requests(undefined, 80), 'PortOutOfRange', 'needs port 80 for p1, which is not in its range 2000-2009', { port: 80, name: 'p1' }],
    [requests(2000, 2000), 'PortRequestedTwice', 'asks for port 2000 twice', { name: 'p1' }],
    [[...requests(2000), ...requests(undefined)], 'PortRequestedTwice', 'asks for a port named p0 twice', { name: 'p0' }],
    [requests(...Array<undefined>(9)), 'NotEnoughPorts', 'needs 9 ports, 8 of 10 are free', { requested: 9, free: 8 }],
    [requests(2000, ...Array<undefined>(8)), 'NotEnoughPorts', 'needs 9 ports, 8 of 10 are free', { requested: 9, free: 8 }],
  ])('refuses %#: %s', (asked, code, message, numbers) => {
    const choice = choosePorts({ requests: asked, ports: holding([2003]), hostPorts: [2005, 9999], seed: 'a' });
    expect(choice).toEqual({ refused: expect.objectContaining({ code, message, ...numbers }) as PortRefusal });
  });

  it('says one port in the singular', () => {
    const choice = choosePorts({ requests: requests(undefined), ports: holding([7], { from: 7, to: 7 }), hostPorts: [], seed: '' });
    expect(choice).toMatchObject({ refused: { message: 'needs 1 port, 0 of 1 are free' } });
  });

  it('gives no allocated port the number that a later request fixes', () => {
    const asked = requests(undefined, ...Array.from({ length: 9 }, (_, index) => 2000 + index));
    const choice = choosePorts({ requests: asked, ports: emptyPorts(range), hostPorts: [], seed: 'any' });
    expect(choice).toMatchObject({ ports: { p0: 2009, p1: 2000 } });
  });

  it('meets every request with free numbers of its own, or rightly refuses', () => {
    fc.assert(
      fc.property(situations, ({ within, held, hostPorts, asked, seed }) => {
        const choose = () => choosePorts({ requests: requests(...asked), ports: holding(held, within), hostPorts, seed });
        const choice = choose();
        expect(choose()).toEqual(choice);
        const free = Array.from({ length: within.to - within.from + 1 }, (_, offset) => within.from + offset).filter(
          (port) => !held.includes(port) && !hostPorts.includes(port),
        );
        const fixed = asked.filter((port) => port !== undefined);
        const possible =
          new Set(fixed).size === fixed.length && fixed.every((port) => free.includes(port)) && asked.length <= free.length;
        expect('ports' in choice).toBe(possible);
        if ('refused' in choice) return;
        const numbers = asked.map((_, index) => choice.ports[`p${index}`]!);
        expect(Object.keys(choice.ports)).toHaveLength(asked.length);
        expect(new Set(numbers).size).toBe(asked.length);
        expect(numbers.every((port) => free.includes(port))).toBe(true);
        asked.forEach((port, index) => port === undefined || expect(numbers[index]).toBe(port));
      }),
    );
  });

  it('seldom gives two schedulers the same number', () => {
    const ports = emptyPorts({ from: 2000, to: 9999 });
    const chosen = Array.from({ length: 100 }, (_, index) =>
      choosePorts({ requests: requests(undefined), ports, hostPorts: [], seed: `instance-${index}` }),
    ).map((choice) => ('ports' in choice ? choice.ports.p0 : undefined));
    expect(new Set(chosen).size).toBeGreaterThanOrEqual(97);
  });
});
