import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The demo as a person starts it, on examples that a test may have broken, in a temporary place of its own. */
async function runDemo(place: string, environment: NodeJS.ProcessEnv, onOutput: (text: string, stop: () => void) => void = () => undefined) {
  const demo = spawn(process.execPath, [join(__dirname, '../../dist/processes/demo.js')], { env: { ...process.env, TMPDIR: place, ...environment } });
  let output = '';
  const collect = (data: Buffer) => {
    output += data.toString();
    onOutput(output, () => demo.kill('SIGINT'));
  };
  demo.stdout.on('data', collect);
  demo.stderr.on('data', collect);
  const code = await new Promise<number | null>((resolve) => demo.once('close', resolve));
  return { code, output };
}

/** Command lines of processes that name a directory. */
function processesNaming(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(directory));
}

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'berth-demo-test-'));
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

test('with the port of one console closed the demo says so, exits non-zero, names the logs, and leaves nothing running', async () => {
  const examples = join(place, 'examples');
  mkdirSync(examples);
  cpSync(join(__dirname, '../../examples'), examples, { recursive: true });
  const file = join(examples, 'network-lab', 'definition.yaml');
  const intact = readFileSync(file, 'utf8');
  const broken = intact.replace('others.map(openConsole)', "others.filter(({ name }) => name !== 'edge-2').map(openConsole)");
  expect(broken).not.toBe(intact);
  writeFileSync(file, broken);

  const { code, output } = await runDemo(place, { BERTH_DEMO_EXAMPLES: examples });
  expect(code).toBe(1);
  expect(output).toMatch(/the demo failed: 127\.0\.0\.1:\d+: expected a console, but: connect ECONNREFUSED/);
  expect(output).toMatch(/logs: .*logs/);
  expect(processesNaming(place)).toEqual([]);
}, 360_000);

test('interrupted in the middle it stops all that it started', async () => {
  const { code, output } = await runDemo(place, {}, (text, stop) => {
    if (text.includes('INSTANTIATING')) stop();
  });
  expect(code).toBe(1);
  expect(output).toContain('interrupted by SIGINT');
  expect(processesNaming(place)).toEqual([]);
}, 360_000);
