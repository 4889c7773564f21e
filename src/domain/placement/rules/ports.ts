import { CorruptPortBitmapError } from '../../port-bitmap';
import { refusalOfPorts } from '../../port-choice';
import { portViewOf } from '../fleet';
import type { PlacementRule } from './rule';

/** One worker's damaged ledger takes that worker out; it must not stop placement on all the others. */
export const portLedgerIsSound: PlacementRule = (_, worker) => {
  try {
    portViewOf(worker);
    return undefined;
  } catch (error) {
    if (!(error instanceof CorruptPortBitmapError)) throw error;
    return { code: 'PortLedgerDamaged', message: `has a damaged ledger: ${error.message}` };
  }
};

/** Fixed ports must be free in the ledger and on the host, and there must be enough for the others. */
export const portsAreFree: PlacementRule = ({ ports }, worker) =>
  ports.length === 0 ? undefined : refusalOfPorts(ports, portViewOf(worker));
