import { CorruptPortBitmapError } from '../../port-bitmap';
import type { PortRefusal } from '../../ports';
import { refusalOfPorts } from '../../ports';
import { portViewOf } from '../fleet';
import type { PlacementRule } from './rule';

/** One worker's damaged ledger takes that worker out; it must not stop placement on all the others. */
export const portLedgerDamaged: PlacementRule = {
  code: 'PortLedgerDamaged',
  objection(_, worker) {
    try {
      portViewOf(worker);
      return undefined;
    } catch (error) {
      if (error instanceof CorruptPortBitmapError) return `has a damaged ledger: ${error.message}`;
      throw error;
    }
  },
};

/** A port that must have a certain number must be free, in the ledger and on the host. */
export const portHeld = portRule('PortHeld');

/** A port that must have a certain number must be one that the worker may give. */
export const portOutOfRange = portRule('PortOutOfRange');

/** One request asks for one number or one name twice: nothing can hold that. */
export const portRequestedTwice = portRule('PortRequestedTwice');

/** The other ports take any number, but there must be enough of them. */
export const notEnoughPorts = portRule('NotEnoughPorts');

function portRule(code: PortRefusal['code']): PlacementRule {
  return {
    code,
    objection(request, worker) {
      if (request.ports.length === 0) return undefined;
      const refusal = refusalOfPorts(request.ports, portViewOf(worker));
      return refusal?.code === code ? refusal.message : undefined;
    },
  };
}
