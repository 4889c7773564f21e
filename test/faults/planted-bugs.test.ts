import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { FaultStack } from './harness/fault-stack';
import { makeTestBuild } from './harness/test-build';
import { nothingBroken, verdict, verdictOfPlanted } from './harness/verdict';
import { plantedBugs } from './planted/planted-bugs';
import { openScene, untilLed } from './planted/scenarios';

/** Plays a scenario on a stack of its own, and answers what the checker says. */
async function play(scenario: (typeof plantedBugs)[number]['scenario'], entriesDirectory: string | undefined): Promise<string> {
  const stack = await FaultStack.start({ api: 2, control: 2, ...(entriesDirectory !== undefined && { entriesDirectory }) });
  try {
    await untilLed(stack);
    await scenario(await openScene(stack, 25_000));
    return await verdictOfPlanted(stack, { expectEmpty: true });
  } finally {
    await stack.end();
  }
}

describe('the harness finds a bug that was planted:', () => {
  test.each(plantedBugs)('without $missing', async ({ missing, patch, scenario, foundBy }) => {
    const build = makeTestBuild({ directory: join(tmpdir(), `berth-planted-${process.pid}-${missing.replace(/\W+/g, '-')}`), patches: [patch] });
    try {
      const said = await play(scenario, build.entriesDirectory);
      expect(said).toMatch(new RegExp(`^  (${foundBy.join('|')}), at`, 'm'));
    } finally {
      build.remove();
    }
  }, 480_000);
});

test('and finds nothing where none was planted, in the same scenarios', async () => {
  const scenarios = new Set(plantedBugs.map(({ scenario }) => scenario));
  const stack = await FaultStack.start({ api: 2, control: 2 });
  try {
    await untilLed(stack);
    let from = 25_000;
    for (const scenario of scenarios) await scenario(await openScene(stack, (from += 200)));
    expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
  } finally {
    await stack.end();
  }
}, 480_000);
