import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const started: ChildProcess[] = [];
const directories: string[] = [];

/** A directory that `cleanUp` deletes. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-embedded-test-'));
  directories.push(directory);
  return directory;
}

/** Runs a script in another Node process; `cleanUp` kills it. */
export function node(script: string, ...args: string[]): ChildProcess & { pid: number } {
  const child = spawn(process.execPath, ['-e', script, '--', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  if (child.pid === undefined) throw new Error('node could not be started');
  return child as ChildProcess & { pid: number };
}

/** Runs a TypeScript file of this directory in another Node process; `cleanUp` kills it. */
export function typescript(file: string, args: string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const command = ['--import', 'tsx', join(__dirname, file), ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'], env });
  started.push(child);
  return child;
}

/** Settles when the process has printed a line with this in it; answers all that it has printed. */
export async function printed(child: ChildProcess, text: string): Promise<string> {
  let output = '';
  return new Promise((found, fail) => {
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      output += part;
      if (output.includes(text)) found(output);
    });
    child.once('close', () => fail(new Error(`ended without printing ${text}, but ${output}`)));
  });
}

/** How a fixture, a process of its own, tells the test something. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Settles when the process has ended. */
export async function closed(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return new Promise((ended) => child.once('exit', ended));
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(20);
  }
}

/** Writes an executable shell script and answers its path. */
export function shellScript(directory: string, name: string, body: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Ends the processes and deletes the directories of a test. */
export async function cleanUp(): Promise<void> {
  for (const child of started.splice(0)) {
    child.kill('SIGKILL');
    await closed(child);
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}
