import type { InstanceStatus } from '../../../../src/domain/instance';
import type { Run, RunHistory, StoreHistory } from '../history';
import type { Finding, Rule } from './rule';
import { objectOf } from './store-state';

/** What components themselves told of their lives. */
export const runs: Rule = {
  promise: 'no instance runs twice at a time, and no attempt is started twice',
  needs: 'no store',
  find(history: RunHistory): Finding[] {
    return [...lifelines(history.runs)].flatMap(([object, starts]) => [...atATime(object, starts), ...attemptsOnce(object, starts)]);
  },
};

/** Every start was asked for: each takes a number of its own from the instance's status. */
export const askedRuns: Rule = {
  promise: 'no instance was started more often than its lifecycle asked for',
  needs: 'whole history',
  find({ runs: told, store }: RunHistory): Finding[] {
    const asked = attemptsAsked(store);
    return [...lifelines(told)].flatMap(([object, starts]) => {
      const attempts = asked.get(starts[0]!.instanceId) ?? 0;
      return starts.length <= attempts ? [] : [{ rule: 'started-unasked', object, message: `was started ${starts.length} times, and ${attempts} were asked for` }];
    });
  },
};

/** By component of an instance, in the order of their starts. */
function lifelines(told: readonly Run[]): Map<string, readonly Run[]> {
  const lines = new Map<string, Run[]>();
  for (const run of told) {
    const object = `instances/${run.instanceId}${run.component === undefined ? '' : `/${run.component}`}`;
    lines.set(object, [...(lines.get(object) ?? []), run]);
  }
  for (const line of lines.values()) line.sort((a, b) => (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0));
  return lines;
}

function atATime(object: string, starts: readonly Run[]): Finding[] {
  let longest: { readonly run: Run; readonly untilMs: number } | undefined;
  return starts.flatMap((run) => {
    const findings = overlapping(object, run, longest);
    const untilMs = run.endedAtMs ?? run.lastSeenAtMs ?? run.startedAtMs;
    if (untilMs !== undefined && untilMs > (longest?.untilMs ?? -Infinity)) longest = { run, untilMs };
    return findings;
  });
}

function overlapping(object: string, run: Run, longest: { readonly run: Run; readonly untilMs: number } | undefined): Finding[] {
  const found = (message: string): Finding[] => [{ rule: 'ran-twice', object, message }];
  if (run.aliveBefore !== undefined) return found(`was started as process ${run.pid} while process ${run.aliveBefore} ran`);
  if (longest === undefined || run.startedAtMs === undefined || run.startedAtMs >= longest.untilMs) return [];
  return found(`was started as process ${run.pid} at ${run.startedAtMs}, and process ${longest.run.pid} ran until ${longest.untilMs}`);
}

function attemptsOnce(object: string, starts: readonly Run[]): Finding[] {
  const numbered = starts.flatMap(({ attempt, pid }) => (attempt === undefined ? [] : [{ attempt, pid }]));
  return numbered.slice(1).flatMap(({ attempt, pid }, position) => {
    const former = numbered[position]!;
    if (attempt > former.attempt) return [];
    return [{ rule: 'attempt-repeated', object, message: `was started as attempt ${attempt}, process ${pid}, after attempt ${former.attempt}, process ${former.pid}` }];
  });
}

function attemptsAsked({ revisions }: StoreHistory): Map<string, number> {
  const asked = new Map<string, number>();
  for (const change of revisions.flatMap(({ changes }) => changes)) {
    const { collection, id, part } = objectOf(change.key);
    if (collection !== 'instances' || part !== 'state' || change.deleted) continue;
    asked.set(id, Math.max(asked.get(id) ?? 0, (change.value as InstanceStatus).attempt));
  }
  return asked;
}
