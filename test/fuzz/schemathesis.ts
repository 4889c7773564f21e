import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One run of schemathesis over the document that a server serves. */
export interface Fuzzing {
  readonly url: string;
  readonly seed: number;
  /** Cases of chance for each operation; those that cover what its parts may be come on top. */
  readonly casesPerOperation: number;
  /** Whether each value of each part is tried that should be let through, or also each that should not. */
  readonly coverage: 'positive' | 'all';
  /** Tokens by the security scheme of the document that they are for; none: nobody is let in. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Ids of objects that are there, by the name of their collection. */
  readonly ids: Readonly<Record<string, readonly string[]>>;
  /** What must stay as it is, for others to be tried: its ids are given to no call that changes something. */
  readonly kept: readonly string[];
}

/** What came of it. */
export interface Outcome {
  /** Requests whose answers were checked. */
  readonly cases: number;
  /** Operations of the document to which requests were sent. */
  readonly operations: { readonly total: number; readonly tested: number };
  /** Nothing was found, and all was tried. */
  readonly passed: boolean;
  /** What schemathesis says of it. */
  readonly report: string;
}

interface JsonReport {
  readonly operations: { readonly total: number; readonly tested: number };
  readonly test_cases: { readonly generated: number };
}

const program = spawnSync(join(__dirname, '../../tools/schemathesis/installed')).stdout.toString().trim();

/** Runs it in a directory of its own, which it leaves nothing in. */
export async function fuzz(fuzzing: Fuzzing): Promise<Outcome> {
  const place = mkdtempSync(join(tmpdir(), 'berth-fuzz-'));
  try {
    prepare(place, fuzzing);
    const { code, report } = await run(place, fuzzing);
    const { operations, test_cases: cases } = JSON.parse(readFileSync(join(place, 'report.json'), 'utf8')) as JsonReport;
    return { cases: cases.generated, operations, passed: code === 0, report };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function prepare(place: string, { coverage, tokens, ids }: Fuzzing): void {
  copyFileSync(join(__dirname, 'hooks.py'), join(place, 'hooks.py'));
  const schemes = Object.entries(tokens).map(([scheme, token]) => `[auth.openapi.${scheme}]\nbearer = "${token}"\n`);
  const phase = `[phases.coverage.generation]\nmode = "${coverage}"\n`;
  writeFileSync(join(place, 'schemathesis.toml'), [readFileSync(join(__dirname, 'schemathesis.toml'), 'utf8'), phase, ...schemes].join('\n'));
  for (const [collection, present] of Object.entries(ids)) writeFileSync(join(place, `${collection}.txt`), present.map((id) => JSON.stringify(id)).join('\n'));
}

async function run(place: string, { url, seed, casesPerOperation, kept }: Fuzzing): Promise<{ readonly code: number | null; readonly report: string }> {
  const options = ['--checks', 'all', '--seed', `${seed}`, '--max-examples', `${casesPerOperation}`, '--report-json-path', join(place, 'report.json')];
  const child = spawn(program, ['--config-file', join(place, 'schemathesis.toml'), '--no-color', 'run', `${url}/openapi.json`, ...options], {
    cwd: place,
    env: { ...process.env, BERTH_FUZZ_KEPT: kept.join(' ') },
  });
  let report = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (report += data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { code, report };
}
