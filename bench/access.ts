import { createRunDirectory } from '../src/processes/embedded/run-directory';
import { startStack } from '../src/processes/stack';
import { chance } from '../test/support/chance';
import { withoutLimits } from '../test/support/without-limits';
import type { Figure } from './figures';
import { median, quantile, timed } from './figures';

const rounds = Number(process.env['BERTH_BENCH_ROUNDS'] ?? 1_000);

/**
 * What the time of an answer tells of a token that is refused. Tokens with a wrong secret, tokens that nobody made, and
 * those same ones once more are sent in an order of chance: what the last two differ by is noise, and the first must not stand out of it.
 */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const stack = await startStack({ directory: directory.path, report, artifactsDirectory: directory.path, environment: withoutLimits });
  try {
    const [url] = stack.apis as [string];
    const known = stack.token;
    const wrong = `${known.slice(0, -4)}${known.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const unknown = known.replace(/(?<=^berth_k-)[0-9a-z]+/, (id) => '0'.repeat(id.length));
    const kinds = { known, wrong, unknown, 'unknown again': unknown };
    const times = new Map(Object.keys(kinds).map((name): [string, number[]] => [name, []]));
    const random = chance(1);
    for (let round = -50; round < rounds; round += 1) {
      for (const [name, token] of shuffled(Object.entries(kinds), random)) {
        const elapsedMs = await timed(() => ask(url, token, name === 'known' ? 404 : 401));
        if (round >= 0) times.get(name)!.push(elapsedMs); // The rounds before are to warm up.
      }
    }
    const medianOf = (name: string) => median(times.get(name)!);
    return [
      ...[...times].map(([name, all]) => ({ name: `access, ${name} token`, value: median(all), unit: 'ms', note: `p95 ${quantile(all, 0.95).toFixed(2)} ms, ${rounds} requests` })),
      { name: 'access, wrong beside unknown', value: Math.abs(medianOf('wrong') - medianOf('unknown')), unit: 'ms', note: 'difference of medians' },
      { name: 'access, unknown beside itself', value: Math.abs(medianOf('unknown again') - medianOf('unknown')), unit: 'ms', note: 'the noise of this measurement' },
    ];
  } finally {
    await stack.stop();
    directory.remove();
  }
}

/** In another order each time: what came just before has its part in how long an answer takes. */
function shuffled<T>(all: readonly T[], random: () => number): T[] {
  return all.map((each) => ({ each, place: random() })).sort((one, other) => one.place - other.place).map(({ each }) => each);
}

/** Asks for what is not there, so that whoever is let in hears that. */
async function ask(url: string, token: string, expected: number): Promise<void> {
  const response = await fetch(`${url}/api/v1/instances/i-absent`, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  if (response.status !== expected) throw new Error(`${response.status} instead of ${expected}`);
}
