import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncArtifact } from '../../src/api/artifacts/sync-artifact';
import { parseDefinition } from '../../src/api/definitions/document';
import type { DefinitionBody } from '../../src/domain/definition';
import { requestedPorts } from '../../src/domain/definition-requests';
import type { Workload } from '../../src/domain/workload';
import { renderWorkload } from '../../src/domain/workload-render';
import { freePorts } from '../../src/processes/embedded/probes';

export const examplesDirectory = path.join(__dirname, '../../examples');
export const address = '127.0.0.1';
const waitMs = 4000;

/** An example's components as processes in a directory of their own, as a worker would run them. */
export class RunningExample {
  private static readonly started = new Set<RunningExample>();
  readonly output: string[] = [];

  private constructor(
    readonly workload: Workload,
    readonly directory: string,
    private readonly processes: readonly ChildProcess[],
  ) {
    for (const stream of processes.flatMap(({ stdout, stderr }) => [stdout, stderr])) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.output.push(text));
    }
  }

  static async start(
    body: DefinitionBody,
    change: (workload: Workload) => Workload = (workload) => workload,
  ): Promise<RunningExample> {
    const artifact = await syncArtifact(body, { directory: examplesDirectory });
    const names = requestedPorts(body, artifact?.facts).map(({ name }) => name);
    const numbers = await freePorts(names.length);
    const ports = Object.fromEntries(names.map((name, index) => [name, numbers[index]!]));
    const workload = change(renderWorkload({ body, artifactText: artifact?.text, instanceId: 'test-1', ports, address }));
    const directory = mkdtempSync(path.join(tmpdir(), 'berth-example-'));
    for (const [file, text] of Object.entries(workload.files)) {
      mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      writeFileSync(path.join(directory, file), text);
    }
    const processes = workload.components.map(({ command: [program, ...args], environment }) =>
      spawn(program!, args, { cwd: directory, env: { PATH: process.env.PATH, ...environment } }),
    );
    const example = new RunningExample(workload, directory, processes);
    RunningExample.started.add(example);
    return example;
  }

  /** Ends what a failed test left behind; otherwise its processes would keep jest waiting. */
  static killAll(): void {
    for (const example of RunningExample.started) {
      example.processes.forEach((child) => child.kill('SIGKILL'));
      example.forget();
    }
  }

  port(name: string): number {
    return this.workload.ports[name]!;
  }

  /** Waits until the component ends, and answers its exit code. */
  async exitCode(component = 0): Promise<number | null> {
    const child = this.processes[component]!;
    if (child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit', { signal: AbortSignal.timeout(waitMs) });
    }
    return child.exitCode;
  }

  /** Ends all components as their stop policy says, and answers their exit codes. */
  async stop(): Promise<Array<number | null>> {
    this.processes.forEach((child, index) => child.kill(this.workload.components[index]!.stop.signal));
    const codes = await Promise.all(this.processes.map((_, index) => this.exitCode(index)));
    this.forget();
    return codes;
  }

  private forget(): void {
    RunningExample.started.delete(this);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The definition of an example, optionally changed as text before it is read. */
export function exampleDefinition(name: string, change: (text: string) => string = (text) => text): DefinitionBody {
  return parseDefinition(change(readFileSync(path.join(examplesDirectory, name, 'definition.yaml'), 'utf8')));
}

/** Repeats what may fail until it succeeds; fails with the last reason once the time is over. */
export async function eventually<Value>(attempt: () => Promise<Value>): Promise<Value> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

/** Connects at once or fails. */
export async function connected(port: number): Promise<Socket> {
  const socket = connect(port, address);
  await once(socket, 'connect');
  return socket.setEncoding('latin1');
}
