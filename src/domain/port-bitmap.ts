import type { PortRange, WorkerPorts } from './worker';

/** Decoded bits of a bitmap, shared by all readers and therefore never written to. */
export interface ReadonlyBits extends Iterable<number> {
  readonly length: number;
  readonly [byte: number]: number;
}

/** A stored bitmap does not belong to its range; the ledger is damaged and nobody may go on from it. */
export class CorruptPortBitmapError extends Error {
  constructor(readonly range: PortRange, detail: string) {
    super(`the port bitmap of ${range.from}-${range.to} is damaged: ${detail}`);
    this.name = 'CorruptPortBitmapError';
  }
}

/** How many ports a range has. */
export function rangeSize(range: PortRange): number {
  return range.to - range.from + 1;
}

/** Whether a number is one of a range's ports. */
export function inRange(range: PortRange, port: number): boolean {
  return Number.isInteger(port) && port >= range.from && port <= range.to;
}

/** Values of the ledger are immutable, so that each is decoded once however many requests look at it. */
const decoded = new WeakMap<WorkerPorts, ReadonlyBits>();

/** The bits of a worker's ports: bit i stands for port `from + i`. */
export function bitsOf(ports: WorkerPorts): ReadonlyBits {
  const known = decoded.get(ports);
  if (known) return known;
  const bits = new Uint8Array(Buffer.from(ports.bitmap, 'base64'));
  const expectedBytes = Math.ceil(rangeSize(ports) / 8);
  if (bits.length !== expectedBytes) {
    throw new CorruptPortBitmapError(ports, `it has ${bits.length} bytes, ${expectedBytes} were expected`);
  }
  for (let offset = rangeSize(ports); offset < bits.length * 8; offset += 1) {
    if (hasBit(bits, offset)) throw new CorruptPortBitmapError(ports, `bit ${offset} is set, beyond the end of the range`);
  }
  decoded.set(ports, bits);
  return bits;
}

/** The ledger's value for these bits. The caller gives the array away. */
export function encodeBits(range: PortRange, bits: Uint8Array): WorkerPorts {
  const bitmap = Buffer.from(bits.buffer, bits.byteOffset, bits.byteLength).toString('base64');
  const ports: WorkerPorts = { schemaVersion: 1, from: range.from, to: range.to, bitmap };
  decoded.set(ports, bits);
  return ports;
}

/** Whether the bit at an offset is set. */
export function hasBit(bits: ReadonlyBits, offset: number): boolean {
  return ((bits[offset >> 3] ?? 0) & (1 << (offset & 7))) !== 0;
}

/** Sets the bit at an offset. */
export function setBit(bits: Uint8Array, offset: number): void {
  bits[offset >> 3]! |= 1 << (offset & 7);
}

/** Clears the bit at an offset. */
export function clearBit(bits: Uint8Array, offset: number): void {
  bits[offset >> 3]! &= ~(1 << (offset & 7));
}

const bitsInByte = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/** How many bits are set. */
export function countBits(bits: ReadonlyBits): number {
  let count = 0;
  for (let byte = 0; byte < bits.length; byte += 1) count += bitsInByte[bits[byte]!]!;
  return count;
}
