import { readdirSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleOfSources } from '../workflows/support/bundle';
import { countEvents } from '../workflows/support/history';
import { installQuietLog } from '../workflows/support/quiet-log';
import { readHistory, spokenBy } from './portable-history';

const directory = join(__dirname, 'histories');
const names = readdirSync(directory).map((file) => file.replace(/\.json$/, ''));
const fileOf = (name: string) => join(directory, `${name}.json`);

/** The error of each history that does not replay. */
async function replay(workflowBundle: WorkflowBundleWithSourceMap): Promise<Map<string, Error>> {
  const histories = names.map((name) => ({ workflowId: name, history: readHistory(fileOf(name)) }));
  const errors = new Map<string, Error>();
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    if (error) errors.set(workflowId, error);
  }
  return errors;
}

beforeAll(installQuietLog);

test('the histories hold what lifecycles come across', () => {
  const lived = Object.fromEntries(names.map((name) => [name, countEvents(readHistory(fileOf(name)).events ?? [])]));
  expect(lived).toMatchObject({
    'created-running-terminated': { workflowExecutionCompleted: 1, markerRecorded: 5 },
    'failed-retried': { timerFired: 1, markerRecorded: expect.any(Number) },
    'retried-by-update': { workflowExecutionUpdateAccepted: 2, workflowExecutionUpdateCompleted: 2 },
    'terminated-half-way': { activityTaskScheduled: 1, workflowExecutionCompleted: 1 },
    'visible-step-left': { activityTaskScheduled: 1, activityTaskCancelRequested: 1 },
    deadline: { timerFired: 1, workflowExecutionCompleted: 1 },
    'continued-as-new-before': { workflowExecutionContinuedAsNew: 1 },
    'continued-as-new-after': { workflowExecutionCompleted: 1 },
    'stores-down': { timerFired: 1 },
    worker: { activityTaskCompleted: 2 },
    'ledger-audit': { activityTaskCompleted: 1 },
  });
});

test('every stored history replays', async () => {
  expect(await replay(await bundleOfSources())).toEqual(new Map());
}, 60_000);

test('a lifecycle that was changed does not replay them', async () => {
  const errors = await replay(await bundleOfSources(require.resolve('./changed')));
  const unchanged = ['ledger-audit'];
  expect([...errors.keys()].sort()).toEqual(names.filter((name) => !unchanged.includes(name)).sort());
  for (const error of errors.values()) expect(error).toBeInstanceOf(DeterminismViolationError);
}, 60_000);

test.each(names)('%s names no machine, no person and no path', (name) => {
  const spoken = spokenBy(JSON.parse(readFileSync(fileOf(name), 'utf8')));
  const names = new RegExp(`(^|[^\\w-])(${hostname()}|${userInfo().username})($|[^\\w-])`);
  const process = /(^|[^\w])\d+@(?!\d+\.\d+\.\d+)\w/;
  const path = /(^|[\s"'=(])\/[\w.-]+\/[\w./-]+/;
  const address = /\d+\.\d+\.\d+\.\d+|localhost/;
  expect(spoken.filter((text) => [names, process, path, address].some((pattern) => pattern.test(text)))).toEqual([]);
});
