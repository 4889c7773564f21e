import type { RunHistory } from '../history';
import { acknowledged, oneDeedPerKey } from './acknowledged';
import { belongings } from './belongings';
import { arrived, givenBack, leftovers } from './end';
import { ledger } from './ledger';
import { phases } from './phases';
import { counters, noSilentWrites, sequences } from './progress';
import { quotas } from './quotas';
import { recorded } from './recorded';
import { releases } from './release';
import { retirements } from './retirement';
import type { Expectations, Finding, Rule } from './rule';
import { askedRuns, runs } from './runs';
import { leaders, staleCommits, staleObservations, stalePlacements } from './stale-writes';

export type { Expectations, Finding, Rule } from './rule';

/** Every promise that is checked, under the name that a failing check shows. A new one is added here and nowhere else. */
export const rules: Readonly<Record<string, Rule>> = {
  ledger,
  quotas,
  belongings,
  acknowledged,
  oneDeedPerKey,
  phases,
  retirements,
  sequences,
  noSilentWrites,
  counters,
  recorded,
  runs,
  askedRuns,
  releases,
  staleCommits,
  stalePlacements,
  staleObservations,
  leaders,
  givenBack,
  arrived,
  leftovers,
};

/** Finds every broken promise in a recorded run. What cannot be judged is a finding too, so that it never passes for right. */
export function check(history: RunHistory, expectations: Expectations = {}): Finding[] {
  const [gap] = history.store.gaps;
  const upToGap = gap ? { ...history, store: { ...history.store, revisions: history.store.revisions.filter(({ revision }) => revision < gap.from) } } : history;
  return Object.entries(rules).flatMap(([name, rule]) => {
    if (rule.needs === 'no store') return judge(name, rule, history, expectations);
    const unjudged = gap ? [{ rule: 'not-judged', object: name, revision: gap.from, message: `revisions ${gap.from} to ${gap.to} were not recorded: ${gap.reason}` }] : [];
    return rule.needs === 'whole history' && gap ? unjudged : [...judge(name, rule, upToGap, expectations), ...unjudged];
  });
}

/** A history that a rule cannot read is no history that keeps the promise. */
function judge(name: string, rule: Rule, history: RunHistory, expectations: Expectations): Finding[] {
  try {
    return rule.find(history, expectations);
  } catch (error) {
    return [{ rule: 'not-judged', object: name, message: `could not be judged: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` }];
  }
}

const findingsShownMax = 100;

/** The findings as a failing test shows them: in the order of revisions, so that the first one is likely the cause. */
export function describeFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'no promise was broken';
  const sorted = [...findings].sort((a, b) => (a.revision ?? Infinity) - (b.revision ?? Infinity));
  const lines = sorted.slice(0, findingsShownMax).map(({ rule, object, revision, message }) => {
    const where = revision === undefined ? 'at the end' : `at revision ${revision}`;
    return `  ${rule}, ${where}: ${object} ${message}`;
  });
  const rest = sorted.length > findingsShownMax ? [`  … and ${sorted.length - findingsShownMax} more`] : [];
  return [`${findings.length} broken ${findings.length === 1 ? 'promise' : 'promises'}:`, ...lines, ...rest].join('\n');
}
