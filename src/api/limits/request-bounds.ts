import { openRequestsPerPrincipalDefault, ratePerAgent, ratePerOrgDefault, ratePerPrincipalDefault, rateUnauthenticatedDefault, streamsPerPrincipalDefault } from '../../domain/limits';
import type { Rate } from '../../domain/token-bucket';

/** How much each caller may ask for. */
export interface RequestBounds {
  /** Rates of all servers together. */
  readonly perPrincipal: Rate;
  readonly perOrg: Rate;
  readonly unauthenticated: Rate;
  /** An agent speaks to one server at a time, which allows it all. */
  readonly perAgent: Rate;
  readonly openRequestsMax: number;
  readonly streamsMax: number;
  /** How many servers share the rates at present. */
  readonly servers: () => number;
}

/** What holds unless a setting says otherwise. */
export const boundsDefault: RequestBounds = {
  perPrincipal: ratePerPrincipalDefault,
  perOrg: ratePerOrgDefault,
  unauthenticated: rateUnauthenticatedDefault,
  perAgent: ratePerAgent,
  openRequestsMax: openRequestsPerPrincipalDefault,
  streamsMax: streamsPerPrincipalDefault,
  servers: () => 1,
};
