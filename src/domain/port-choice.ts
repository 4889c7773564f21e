import type { PortRequest } from './definition';
import { hasBit, inRange, rangeSize, setBit } from './port-bitmap';
import type { PortView } from './ports';
import { portView } from './ports';
import type { WorkerPorts } from './worker';

/** Why an instance's ports cannot all be had on a worker. `message` is a sentence about the worker. */
export type PortRefusal =
  | {
      readonly code: 'PortHeld';
      readonly message: string;
      readonly name: string;
      readonly port: number;
      readonly holder: 'host' | 'allocation';
    }
  | { readonly code: 'PortOutOfRange'; readonly message: string; readonly name: string; readonly port: number }
  | { readonly code: 'PortRequestedTwice'; readonly message: string; readonly name: string }
  | { readonly code: 'NotEnoughPorts'; readonly message: string; readonly requested: number; readonly free: number };

/** Why these requests cannot all be met, or undefined when a choice is certain to succeed. */
export function refusalOfPorts(requests: readonly PortRequest[], view: PortView): PortRefusal | undefined {
  const { repeated, fixed } = demandOf(requests);
  if (repeated) return repeated;
  for (const { name, port } of fixed) {
    const refusal = refusalOfFixed(name, port, view);
    if (refusal) return refusal;
  }
  if (requests.length <= view.free) return undefined;
  const needs = requests.length === 1 ? '1 port' : `${requests.length} ports`;
  const message = `needs ${needs}, ${view.free} of ${rangeSize(view.range)} are free`;
  return { code: 'NotEnoughPorts', message, requested: requests.length, free: view.free };
}

interface PortDemand {
  readonly repeated?: PortRefusal;
  readonly fixed: ReadonlyArray<{ readonly name: string; readonly port: number }>;
}

/** The same requests are held against every worker of a fleet, and looked through once. */
const demands = new WeakMap<readonly PortRequest[], PortDemand>();

function demandOf(requests: readonly PortRequest[]): PortDemand {
  const known = demands.get(requests);
  if (known) return known;
  const fixed = requests.flatMap(({ name, port }) => (port === undefined ? [] : [{ name, port }]));
  const repeated = repetition(requests);
  const demand: PortDemand = { fixed, ...(repeated && { repeated }) };
  demands.set(requests, demand);
  return demand;
}

/** One number has one holder, and one name one number: a second would be lost on release. */
function repetition(requests: readonly PortRequest[]): PortRefusal | undefined {
  const seen = new Set<string | number>();
  for (const { name, port } of requests) {
    if (seen.has(name)) return { code: 'PortRequestedTwice', message: `asks for a port named ${name} twice`, name };
    seen.add(name);
    if (port === undefined) continue;
    if (seen.has(port)) return { code: 'PortRequestedTwice', message: `asks for port ${port} twice`, name };
    seen.add(port);
  }
  return undefined;
}

function refusalOfFixed(name: string, port: number, view: PortView): PortRefusal | undefined {
  const { range } = view;
  const needs = `needs port ${port} for ${name}`;
  if (!inRange(range, port)) {
    const message = `${needs}, which is not in its range ${range.from}-${range.to}`;
    return { code: 'PortOutOfRange', message, name, port };
  }
  const offset = port - range.from;
  if (hasBit(view.held, offset)) {
    return { code: 'PortHeld', message: `${needs}, which another allocation holds`, name, port, holder: 'allocation' };
  }
  if (hasBit(view.blocked, offset)) {
    return { code: 'PortHeld', message: `${needs}, which the host itself holds`, name, port, holder: 'host' };
  }
  return undefined;
}

/**
 * Chooses a number for each request: fixed ones as asked, others by first fit from an offset derived
 * from `seed`, so that schedulers that choose at the same time seldom meet at the same number.
 */
export function choosePorts(choice: {
  readonly requests: readonly PortRequest[];
  readonly ports: WorkerPorts;
  readonly hostPorts: readonly number[];
  readonly seed: string;
}): { readonly ports: Readonly<Record<string, number>> } | { readonly refused: PortRefusal } {
  return choosePortsIn(portView(choice.ports, choice.hostPorts), choice.requests, choice.seed);
}

/** The same for a view that is already there. */
export function choosePortsIn(
  view: PortView,
  requests: readonly PortRequest[],
  seed: string,
): { readonly ports: Readonly<Record<string, number>> } | { readonly refused: PortRefusal } {
  const refused = refusalOfPorts(requests, view);
  if (refused) return { refused };
  const { from } = view.range;
  const size = rangeSize(view.range);
  const taken = Uint8Array.from(view.blocked);
  for (const { port } of requests) if (port !== undefined) setBit(taken, port - from);
  let offset = hashOf(seed) % size;
  const chosen = requests.map(({ name, port }): [string, number] => {
    if (port !== undefined) return [name, port];
    while (hasBit(taken, offset)) offset = (offset + 1) % size;
    setBit(taken, offset);
    return [name, from + offset];
  });
  return { ports: Object.fromEntries(chosen) };
}

/** FNV-1a, 32 bits: short, even enough to spread offsets, and the same everywhere. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
