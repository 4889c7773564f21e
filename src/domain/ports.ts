import type { ReadonlyBits } from './port-bitmap';
import { bitsOf, clearBit, countBits, encodeBits, hasBit, inRange, rangeSize, setBit } from './port-bitmap';
import type { PortRange, WorkerPorts } from './worker';

/** Why a change of the ledger's bitmap is not possible; all the numbers that are in the way. */
export interface PortLedgerRefusal {
  readonly code: 'PortsTaken' | 'PortsNotHeld' | 'PortsOutOfRange' | 'PortsRepeated';
  readonly message: string;
  readonly ports: readonly number[];
}

/** The outcome of a change of the ledger, in the shape that a folded commit applies. */
export type PortLedgerChange = { readonly value: WorkerPorts } | { readonly refused: PortLedgerRefusal };

/** A worker's ports as readers see them: decoded once, with what the host itself holds. */
export interface PortView {
  readonly range: PortRange;
  /** Held by allocations. */
  readonly held: ReadonlyBits;
  /** Held by allocations or by the host. */
  readonly blocked: ReadonlyBits;
  readonly free: number;
}

/** The ledger of a worker on which nothing is allocated. */
export function emptyPorts(range: PortRange): WorkerPorts {
  return encodeBits(range, new Uint8Array(Math.ceil(rangeSize(range) / 8)));
}

/** Combines the ledger with what the host listens on by itself. */
export function portView(ports: WorkerPorts, hostPorts: readonly number[]): PortView {
  const held = bitsOf(ports);
  const blocked = Uint8Array.from(held);
  for (const port of hostPorts) if (inRange(ports, port)) setBit(blocked, port - ports.from);
  return { range: ports, held, blocked, free: rangeSize(ports) - countBits(blocked) };
}

/** Marks numbers as held; all of them or none. */
export function claimPorts(ports: WorkerPorts, numbers: readonly number[]): PortLedgerChange {
  const refused = refusalOfNumbers(ports, numbers);
  if (refused) return { refused };
  const taken = numbers.filter((port) => isHeld(ports, port));
  if (taken.length > 0) return refuse('PortsTaken', taken, 'held by an allocation already');
  const bits = Uint8Array.from(bitsOf(ports));
  for (const port of numbers) setBit(bits, port - ports.from);
  return { value: encodeBits(ports, bits) };
}

/** Marks numbers as free; all of them or none. A number that nobody holds is a fault of the ledger and is refused. */
export function releasePorts(ports: WorkerPorts, numbers: readonly number[]): PortLedgerChange {
  const refused = refusalOfNumbers(ports, numbers);
  if (refused) return { refused };
  const notHeld = numbers.filter((port) => !isHeld(ports, port));
  if (notHeld.length > 0) return refuse('PortsNotHeld', notHeld, 'to be released, but held by no allocation');
  const bits = Uint8Array.from(bitsOf(ports));
  for (const port of numbers) clearBit(bits, port - ports.from);
  return { value: encodeBits(ports, bits) };
}

function refusalOfNumbers(range: PortRange, numbers: readonly number[]): PortLedgerRefusal | undefined {
  const outside = numbers.filter((port) => !inRange(range, port));
  if (outside.length > 0) return refuse('PortsOutOfRange', outside, `not in the range ${range.from}-${range.to}`).refused;
  const repeated = numbers.filter((port, index) => numbers.indexOf(port) !== index);
  return repeated.length > 0 ? refuse('PortsRepeated', repeated, 'given more than once').refused : undefined;
}

function refuse(code: PortLedgerRefusal['code'], ports: readonly number[], what: string): { refused: PortLedgerRefusal } {
  const subject = ports.length === 1 ? `port ${ports[0]} is` : `ports ${ports.join(', ')} are`;
  return { refused: { code, message: `${subject} ${what}`, ports } };
}

/** Whether an allocation holds a port. */
export function isHeld(ports: WorkerPorts, port: number): boolean {
  return inRange(ports, port) && hasBit(bitsOf(ports), port - ports.from);
}

/** The ports that allocations hold, ascending. */
export function heldPorts(ports: WorkerPorts): number[] {
  const bits = bitsOf(ports);
  return Array.from({ length: rangeSize(ports) }, (_, offset) => offset)
    .filter((offset) => hasBit(bits, offset))
    .map((offset) => ports.from + offset);
}

/** How many ports no allocation holds. */
export function freeCount(ports: WorkerPorts): number {
  return rangeSize(ports) - countBits(bitsOf(ports));
}
