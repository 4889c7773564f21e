import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readiness } from '../../domain/definition';
import { readinessProbeTimeoutMs } from '../../domain/limits';
import { RuntimeFailure } from './runtime';
import { errorCode } from './error-code';

/** What is probed, and where. */
export interface ReadinessTarget {
  readonly component: string;
  readonly readiness: Readiness;
  readonly address: string;
  readonly port: number;
}

const firstIntervalMs = 10;
const lastProbeTimeoutMs = 100;

/**
 * Resolves once the component answers as its readiness asks. Probes begin close together and slow down to the
 * interval that the definition names, so that what is ready soon is seen soon.
 */
export async function waitUntilReady(target: ReadinessTarget, signal: AbortSignal): Promise<void> {
  const { readiness } = target;
  const deadline = performance.now() + readiness.timeoutMs;
  for (let intervalMs = firstIntervalMs; ; intervalMs = Math.min(intervalMs * 1.5, readiness.intervalMs)) {
    signal.throwIfAborted();
    // Also the last probe is given time for an answer, which says more than that there was no time.
    const probeTimeoutMs = Math.max(lastProbeTimeoutMs, Math.min(readinessProbeTimeoutMs, deadline - performance.now()));
    const answer = await probe(target, Math.ceil(probeTimeoutMs));
    if (answer === undefined) return;
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) throw notReady(target, answer);
    await sleep(Math.min(intervalMs, remainingMs), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function notReady({ component, readiness, address, port }: ReadinessTarget, answer: string): RuntimeFailure {
  const what = readiness.kind === 'http' ? `http://${address}:${port}${readiness.path}` : `${address}:${port}`;
  const message = `component "${component}" was not ready within ${readiness.timeoutMs} ms: ${what}: ${answer}`;
  return new RuntimeFailure('transient', 'ReadinessTimeout', message);
}

/** Undefined if the probe succeeded, else what came instead. */
function probe(target: ReadinessTarget, timeoutMs: number): Promise<string | undefined> {
  const { readiness, address, port } = target;
  return readiness.kind === 'http'
    ? probeHttp(address, port, readiness.path, readiness.status, timeoutMs)
    : probeTcp(address, port, timeoutMs);
}

function probeHttp(host: string, port: number, path: string, status: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = http.get({ host, port, path, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const { statusCode } = response;
      response.destroy();
      resolve(statusCode === status ? undefined : `status ${statusCode} instead of ${status}`);
    });
    request.on('error', (error) => resolve(reasonOf(error, timeoutMs)));
  });
}

function probeTcp(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutMs });
    const finish = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(undefined));
    socket.once('timeout', () => finish(`no connection within ${timeoutMs} ms`));
    socket.on('error', (error) => finish(reasonOf(error, timeoutMs)));
  });
}

function reasonOf(error: Error, timeoutMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  return errorCode(error) ?? error.message;
}
