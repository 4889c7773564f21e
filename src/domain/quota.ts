import type { DefinitionPhase, DefinitionSpec } from './definition';
import type { InstanceSpec } from './instance';
import type { Amounts, QuotaLimits } from './tenancy';

/** Value of a quota key: what an org, or a project of it, holds. Kept also where nothing is bounded, so that a bound can be set at any time. */
export interface QuotaUsage {
  readonly schemaVersion: number;
  readonly used: Amounts;
}

/** Why an org or a project may not hold more. */
export interface QuotaRefusal {
  readonly dimension: keyof Amounts;
  readonly limit: number;
  readonly usage: number;
  readonly requested: number;
}

export const nothingHeld: Amounts = { instances: 0, cpuMillicores: 0, memoryMib: 0, storageMib: 0, ports: 0, definitions: 0 };

/** Every dimension, in the order in which a refusal names the first that does not suffice. */
export const quotaDimensions = Object.keys(nothingHeld) as ReadonlyArray<keyof Amounts>;

/** What an instance is charged for when it is admitted, and gives back when it is asked to end. */
export function chargeOfInstance({ resources, ports }: Pick<InstanceSpec, 'resources' | 'ports'>): Amounts {
  const { cpuMillicores, memoryMib, storageMib } = resources;
  return { ...nothingHeld, instances: 1, cpuMillicores, memoryMib, storageMib, ports: ports.length };
}

/** What a definition version is charged for when it is admitted, and gives back when it is deleted. */
export const chargeOfDefinition: Amounts = { ...nothingHeld, definitions: 1 };

/** What an instance holds of its owner's quota. Undefined: nothing, for it was asked to end, or admitted before anything was charged. */
export function heldByInstance(spec: Pick<InstanceSpec, 'charged' | 'intent' | 'resources' | 'ports'>): Amounts | undefined {
  return spec.charged === true && spec.intent !== 'terminated' ? chargeOfInstance(spec) : undefined;
}

/** What a definition version holds, as above. */
export function heldByDefinition({ charged }: Pick<DefinitionSpec, 'charged'>, phase: DefinitionPhase): Amounts | undefined {
  return charged === true && phase !== 'DELETED' ? chargeOfDefinition : undefined;
}

/** Adds what is asked for, or says which bound it would break. What is asked for nothing of may be beyond its bound, which was lowered since. */
export function charge(usage: QuotaUsage | undefined, amounts: Amounts, limits: QuotaLimits): { readonly value: QuotaUsage } | { readonly refused: QuotaRefusal } {
  for (const dimension of quotaDimensions) {
    const limit = limits[dimension];
    const [held, requested] = [heldOf(usage, dimension), amounts[dimension]];
    if (limit !== undefined && requested > 0 && held + requested > limit) return { refused: { dimension, limit, usage: held, requested } };
  }
  return { value: moved(usage, amounts, 1) };
}

/**
 * Takes back what was charged. Nobody is kept from ending something by a key that says too little: it is counted to
 * zero, and the audit of the ledger tells of the difference.
 */
export function giveBack(usage: QuotaUsage | undefined, amounts: Amounts): QuotaUsage {
  return moved(usage, amounts, -1);
}

/** The sum of what several things hold. */
export function sumOf(all: Iterable<Amounts>): Amounts {
  let sum = nothingHeld;
  for (const amounts of all) sum = combined(sum, amounts, 1);
  return sum;
}

/** What may still be asked for, of what is bounded. */
export function remainingOf(limits: QuotaLimits, used: Amounts): QuotaLimits {
  const bounded = quotaDimensions.filter((dimension) => limits[dimension] !== undefined);
  return Object.fromEntries(bounded.map((dimension) => [dimension, Math.max(0, limits[dimension]! - used[dimension])]));
}

/** A key that was never written holds nothing; nor does a dimension that an older program did not know. */
export function usedOf(usage: QuotaUsage | undefined): Amounts {
  return { ...nothingHeld, ...usage?.used };
}

function heldOf(usage: QuotaUsage | undefined, dimension: keyof Amounts): number {
  return usage?.used[dimension] ?? 0;
}

/** Whatever else a newer program keeps in the value stays in it. */
function moved(usage: QuotaUsage | undefined, amounts: Amounts, sign: 1 | -1): QuotaUsage {
  return { schemaVersion: 1, ...usage, used: combined(usedOf(usage), amounts, sign) };
}

function combined(one: Amounts, other: Amounts, sign: 1 | -1): Amounts {
  const sums = quotaDimensions.map((dimension) => [dimension, Math.max(0, one[dimension] + sign * other[dimension])]);
  return { ...one, ...(Object.fromEntries(sums) as unknown as Amounts) };
}
