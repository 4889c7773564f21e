import type { Component, DefinitionBody, PortRequest, Readiness, RetryPolicy } from '../../domain/definition';
import {
  componentCpuMillicoresDefault,
  componentMemoryMibDefault,
  componentStorageMibDefault,
  readinessIntervalMsDefault,
  readinessTimeoutMsDefault,
  retryAttemptsMaxDefault,
  retryBackoffFactorDefault,
  retryInitialBackoffMsDefault,
  retryMaxBackoffMsDefault,
  stopGraceMsDefault,
} from '../../domain/limits';
import type { DefinitionDocument } from './schema';

type ComponentDocument = DefinitionDocument['components'][number];

/** Fills in the defaults, so that a stored body means the same after they have changed. */
export function normalise(document: DefinitionDocument): DefinitionBody {
  return {
    schemaVersion: 1,
    name: document.name,
    version: document.version,
    description: document.description ?? '',
    labels: document.labels ?? {},
    components: document.components.map(normaliseComponent),
    ports: normalisePorts(document.ports),
    files: document.files ?? {},
    ...(document.artifact !== undefined && { artifact: document.artifact }),
    constraints: { labels: document.constraints?.labels ?? {} },
    ...(document.maxDuration !== undefined && { maxDurationMs: document.maxDuration }),
    restart: { policy: document.restart ?? 'on-failure' },
    retry: normaliseRetry(document.retry ?? {}),
  };
}

function normaliseComponent(document: ComponentDocument): Component {
  const { resources, stop } = document;
  return {
    name: document.name,
    runtime: document.runtime ?? 'process',
    command: document.command ?? [],
    environment: document.environment ?? {},
    ports: normalisePorts(document.ports),
    resources: {
      cpuMillicores: resources?.cpu ?? componentCpuMillicoresDefault,
      memoryMib: resources?.memory ?? componentMemoryMibDefault,
      storageMib: resources?.storage ?? componentStorageMibDefault,
    },
    ...(document.readiness !== undefined && { readiness: normaliseReadiness(document.readiness) }),
    stop: { signal: stop?.signal ?? 'SIGTERM', graceMs: stop?.grace ?? stopGraceMsDefault },
  };
}

function normalisePorts(ports: DefinitionDocument['ports'] = []): PortRequest[] {
  return ports.map(({ name, protocol = 'tcp', port }) => ({ name, protocol, ...(port !== undefined && { port }) }));
}

function normaliseReadiness(readiness: NonNullable<ComponentDocument['readiness']>): Readiness {
  const { http, tcp, interval, timeout } = readiness;
  const times = { intervalMs: interval ?? readinessIntervalMsDefault, timeoutMs: timeout ?? readinessTimeoutMsDefault };
  if (http !== undefined) {
    return { kind: 'http', port: http.port, path: http.path ?? '/', status: http.status ?? 200, ...times };
  }
  if (tcp !== undefined) return { kind: 'tcp', port: tcp.port, ...times };
  throw new Error('the schema lets no readiness pass that has neither http nor tcp');
}

/** One backoff given alone moves the other's default out of its way. */
function normaliseRetry(retry: NonNullable<DefinitionDocument['retry']>): RetryPolicy {
  const { maxAttempts, initialBackoff, maxBackoff, factor } = retry;
  const maxBackoffMs = maxBackoff ?? Math.max(retryMaxBackoffMsDefault, initialBackoff ?? 0);
  return {
    attemptsMax: maxAttempts ?? retryAttemptsMaxDefault,
    initialBackoffMs: initialBackoff ?? Math.min(retryInitialBackoffMsDefault, maxBackoffMs),
    maxBackoffMs,
    factor: factor ?? retryBackoffFactorDefault,
  };
}
