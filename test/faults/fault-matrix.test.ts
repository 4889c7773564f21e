import { join } from 'node:path';
import type { ArmedFailpoint } from './harness/armed-failpoints';
import { budget } from './harness/budget';
import { FaultStack } from './harness/fault-stack';
import type { TestBuild } from './harness/test-build';
import { makeTestBuild } from './harness/test-build';
import { nothingBroken, verdict } from './harness/verdict';
import type { Column } from './matrix/columns';
import { columns, takeBack } from './matrix/columns';
import { instanceRows, instanceStepNames } from './matrix/instance-rows';
import { matrixTable } from './matrix/table';
import type { Row } from './matrix/row';
import { workerStepNames, refusingProvider, workerRows } from './matrix/worker-rows';
import { Exclusion, Pool } from './harness/pool';

/** What became of one cell: undefined, or what went wrong. */
type Result = { readonly struckAt: string } | { readonly failure: unknown };

/** So many cells are under way at once. */
const cellsAtOnce = 8;
const strikeTimeoutMs = 60_000;
const attemptsMax = 3;
const results = new Map<string, Result>();
const names = [...instanceStepNames.map((step) => `instances ${step}`), ...workerStepNames.map((step) => `workers ${step}`)];
const faults = columns.map(({ fault }) => fault);
let build: TestBuild;
let stack: FaultStack;
let judgement = 'not judged';

beforeAll(async () => {
  build = makeTestBuild({ directory: join(process.env['TMPDIR'] ?? '/tmp', `berth-refusing-provider-${process.pid}`), patches: [refusingProvider] });
  stack = await FaultStack.start({ entriesDirectory: build.entriesDirectory });
  const api = stack.client();
  await api.makeWorker({ from: 20_000, to: 20_999, labels: { fleet: 'steady' } });
  const rows = [...(await instanceRows(stack, api)), ...(await workerRows(stack, api))];
  const cells = columns.flatMap((column) => rows.map((row) => ({ row, column }))).filter(({ row, column }) => isPlayed(`${row.collection} ${row.step}`, column.fault));
  const making = new Exclusion();
  const freezing = new Exclusion();
  await new Pool(cellsAtOnce).run(cells, async ({ row, column }) => {
    const key = `${row.collection} ${row.step}, ${column.fault}`;
    const run = () => runCell(row, column, making);
    results.set(key, await (column.isExclusive?.(row) ? freezing.alone(run) : run()).then(
      (struckAt) => ({ struckAt }),
      (failure: unknown) => ({ failure }),
    ));
  });
  judgement = await verdict(stack, { expectEmpty: true });
}, 900_000);

afterAll(async () => {
  await stack?.end(judgement !== nothingBroken);
  build?.remove();
  process.stderr.write(`${matrixTable(names, faults, outcomeOf)}\n`);
}, 240_000);

describe.each(names)('%s', (name) => {
  test.each(faults.filter((fault) => isPlayed(name, fault)))('survives: %s', (fault) => {
    const result = results.get(`${name}, ${fault}`);
    if (result === undefined) throw new Error('this cell was never run');
    if ('failure' in result) throw result.failure;
    expect(result.struckAt).toContain(name.split(' ')[1]);
  });
});

test('nothing that was promised was broken meanwhile', () => {
  expect(judgement).toBe(nothingBroken);
});

/** A build plays every other cell, as on a chessboard, so that two seeds in a row play them all; the long form plays all at once. */
function isPlayed(name: string, fault: string): boolean {
  return budget.isLong || (names.indexOf(name) + faults.indexOf(fault) + budget.seed) % 2 === 0;
}

function outcomeOf(name: string, fault: string): string {
  if (!isPlayed(name, fault)) return '-';
  return 'struckAt' in (results.get(`${name}, ${fault}`) ?? {}) ? 'survived' : 'FAILED';
}

/** A fault that was armed for a step, and did not happen. */
class NeverStruckError extends Error {
  constructor(
    readonly objectId: string,
    life: string,
    cause: unknown,
  ) {
    super(`${String(cause)}; ${objectId} went through ${life}`, { cause });
    this.name = 'NeverStruckError';
  }
}

/**
 * Does one fault to one step of an object of its own; answers where the fault struck. The process that comes to the step may be killed
 * for another cell at that very moment, before it strikes or says so: then once more, with another object.
 */
async function runCell(row: Row, column: Column, making: Exclusion): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await playCell(row, column, making);
    } catch (error) {
      if (!(error instanceof NeverStruckError) || attempt === attemptsMax) throw error;
      await row.arrive(error.objectId);
      await row.end(error.objectId);
    }
  }
}

async function playCell(row: Row, column: Column, making: Exclusion): Promise<string> {
  // Objects that are made one after the other are not taken for each other.
  const prepared = row.collection === 'workers' ? await making.alone(() => row.prepare()) : await row.prepare();
  const { id, armed } = prepared === undefined ? await making.alone(() => strikeNew(row, column)) : await strike(row, column, prepared);
  const struckAt = armed[0]!.struck!.subject;
  try {
    await column.afterStrike?.(stack, row, id, armed);
    await row.arrive(id);
  } finally {
    // Also of a cell that failed: a process that stays frozen would be the end of all others.
    takeBack(armed);
  }
  await row.end(id);
  return struckAt;
}

interface Strike {
  readonly id: string;
  readonly armed: readonly ArmedFailpoint[];
  /** The fault was for an object of its own, and hit another one. */
  readonly missed: boolean;
}

async function strike(row: Row, column: Column, prepared: string | undefined): Promise<Strike> {
  const armed = column.arm(stack, row, prepared);
  try {
    const id = await row.trigger(prepared);
    const { subject } = await armed[0]!.strikes(strikeTimeoutMs).catch(async (cause: unknown) => {
      throw new NeverStruckError(id, await lifeOf(row, id), cause);
    });
    return { id, armed, missed: !subject.includes(`/${id}`) };
  } catch (error) {
    takeBack(armed);
    throw error;
  }
}

/** What happened to an object, for whoever has to find out why a fault did not. */
async function lifeOf({ collection }: Row, id: string): Promise<string> {
  const { items } = await stack.client().read<{ items: ReadonlyArray<{ time: string; type: string }> }>(`/${collection}/${id}/history`);
  return items.map(({ time, type }) => `${type} at ${time}`).join(', ');
}

/**
 * Nobody knows the id of what is about to be made, so the fault may strike another object that is at the same step. Then
 * once more, when what was made for nothing is gone: it would be the next to be struck.
 */
async function strikeNew(row: Row, column: Column): Promise<Strike> {
  for (;;) {
    const struck = await strike(row, column, undefined);
    if (!struck.missed) return struck;
    takeBack(struck.armed);
    await row.arrive(struck.id);
    await row.end(struck.id);
  }
}
