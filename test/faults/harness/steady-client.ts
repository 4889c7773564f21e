import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../support/client';
import { RecordingClient } from './recording-client';

const pollIntervalMs = 100;
/** How long one request waits; an answer that is lost costs no more. */
const waitSeconds = 10;

/** A client that repeats itself until it is answered, with what scenarios ask for again and again. */
export class SteadyClient extends RecordingClient {
  read<T>(path: string): Promise<T> {
    return this.must<T>('GET', path);
  }

  /** Waits for a state that no endpoint waits for, with a bound. */
  async until(what: string, isSo: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
      await sleep(pollIntervalMs);
    }
  }

  /** Waits until an object is in a phase, however often whoever would tell is killed meanwhile. */
  async reaches(collection: 'instances' | 'workers', id: string, phase: string, timeoutMs = 240_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const said = await this.call('GET', `/${collection}/${id}?waitFor=${phase}&timeout=${waitSeconds}s`).catch((error: unknown) => error);
      if (isReply(said) && said.status === 200) return;
      if (Date.now() > deadline) throw new Error(`${collection}/${id} is not ${phase} after ${timeoutMs} ms: ${isReply(said) ? JSON.stringify(said.body) : String(said)}`);
      await sleep(pollIntervalMs);
    }
  }

  /** Registers a definition under a name of its own; answers its reference. */
  async define(document: Record<string, unknown>): Promise<{ name: string; version: string }> {
    const name = `d-${randomBytes(4).toString('hex')}`;
    await this.must('POST', '/definitions', { name, version: '1.0.0', ...document });
    return { name, version: '1.0.0' };
  }

  /** A worker from a template of its own, RUNNING. */
  async makeWorker(options: { memory?: string; cpu?: number; from: number; to: number; labels?: Record<string, string> }): Promise<string> {
    const { memory = '64Gi', cpu = 64, from, to, labels = {} } = options;
    const name = `t-${randomBytes(4).toString('hex')}`;
    await this.must('POST', '/worker-templates', { name, description: '', provider: 'local', capacity: { cpu, memory, storage: '64Gi' }, portRange: { from, to }, labels });
    const { id } = await this.must<{ id: string }>('POST', '/workers', { template: name });
    await this.reaches('workers', id, 'RUNNING');
    return id;
  }
}

function isReply(said: unknown): said is Reply {
  return typeof said === 'object' && said !== null && 'status' in said;
}
