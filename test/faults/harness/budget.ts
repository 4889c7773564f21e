/**
 * How much the fault tests may take: `BERTH_FAULTS=long` for hours that somebody has, else what a build can wait for.
 * What is chosen by chance is chosen by one seed, so that a run can be had again: `BERTH_FAULTS_SEED`.
 */
export interface Budget {
  readonly isLong: boolean;
  readonly seed: number;
  /** How long a server is away. */
  readonly outageMs: number;
  /** How often scenarios that chance decides are played, each with a seed of its own. */
  readonly rounds: number;
}

const isLong = process.env['BERTH_FAULTS'] === 'long';

export const budget: Budget = {
  isLong,
  seed: Number(process.env['BERTH_FAULTS_SEED'] ?? Date.now() % 1_000_000),
  outageMs: isLong ? 20_000 : 6_000,
  rounds: isLong ? 10 : 1,
};

process.stderr.write(`faults by chance of BERTH_FAULTS_SEED=${budget.seed}${budget.isLong ? ', in the long form' : ''}\n`);
