import { execFile } from 'node:child_process';
import { join } from 'node:path';

const entry = join(__dirname, '..', '..', 'dist', 'cli', 'berth.js');

/** What a run of the command left behind. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the compiled command as a user would; only what is said of the environment is in it. */
export function berth(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    // A directory that is not there keeps a run of `npm run dev` in this clone out of the test.
    const env = { PATH: process.env['PATH'], BERTH_DEV_DIR: '/nonexistent', ...environment };
    execFile(process.execPath, [entry, ...args], { env }, (error, out, err) => {
      // Killed by a signal, or never started: no code that a test could expect.
      resolve({ code: error === null ? 0 : Number(error.code ?? NaN), out, err });
    });
  });
}

/** The cells of a printed table by its headings; two blanks part two cells. */
export function cellsOf(out: string): string[][] {
  return out.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
}
