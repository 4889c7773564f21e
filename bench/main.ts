import { cpus, totalmem } from 'node:os';
import * as access from './access';
import type { Figure } from './figures';
import { printJson, printTable } from './figures';
import * as frontDoor from './front-door';
import * as lifecycle from './lifecycle';
import * as placement from './placement';
import * as projector from './projector';
import * as scale from './scale';
import * as stream from './stream';

const benchmarks: Readonly<Record<string, { run(report: (line: string) => void): Promise<Figure[]> }>> = {
  access,
  'front-door': frontDoor,
  lifecycle,
  placement,
  projector,
  scale,
  stream,
};

/** `npm run bench -- <name> [--json]`: a table for people, or one JSON line a figure. */
async function main(): Promise<void> {
  const [name = '', ...flags] = process.argv.slice(2);
  const benchmark = benchmarks[name];
  if (!benchmark) throw new Error(`usage: npm run bench -- <${Object.keys(benchmarks).join(' | ')}> [--json]`);
  const figures = await benchmark.run((line) => process.stderr.write(`${line}\n`));
  const write = (text: string) => void process.stdout.write(text);
  if (flags.includes('--json')) printJson(figures, write);
  else printTable(`${name}, on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}`, figures, write);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
