import type { Component, DefinitionBody, PortRequest, Readiness } from '../../domain/definition';
import { formatDurationMs } from '../../domain/duration';

/** The document that gives a body: what somebody could have written, with every default said. The reverse of reading one. */
export function writeDocument(body: DefinitionBody): Readonly<Record<string, unknown>> {
  const { name, version, description, labels, files, artifact, constraints, maxDurationMs, restart, retry } = body;
  return {
    name,
    version,
    description,
    labels,
    components: body.components.map(writeComponent),
    ports: writePorts(body.ports),
    files,
    ...(artifact && { artifact }),
    constraints,
    ...(maxDurationMs !== undefined && { maxDuration: formatDurationMs(maxDurationMs) }),
    restart: restart.policy,
    retry: {
      maxAttempts: retry.attemptsMax,
      initialBackoff: formatDurationMs(retry.initialBackoffMs),
      maxBackoff: formatDurationMs(retry.maxBackoffMs),
      factor: retry.factor,
    },
  };
}

function writeComponent({ name, runtime, command, environment, ports, resources, readiness, stop }: Component) {
  return {
    name,
    runtime,
    command,
    environment,
    ports: writePorts(ports),
    resources: { cpu: `${resources.cpuMillicores}m`, memory: `${resources.memoryMib}Mi`, storage: `${resources.storageMib}Mi` },
    ...(readiness && { readiness: writeReadiness(readiness) }),
    stop: { signal: stop.signal, grace: formatDurationMs(stop.graceMs) },
  };
}

function writePorts(ports: readonly PortRequest[]) {
  return ports.map((request) => ({ ...request }));
}

function writeReadiness(readiness: Readiness) {
  const { kind, port, intervalMs, timeoutMs } = readiness;
  const probe = kind === 'http' ? { http: { port, path: readiness.path, status: readiness.status } } : { tcp: { port } };
  return { ...probe, interval: formatDurationMs(intervalMs), timeout: formatDurationMs(timeoutMs) };
}
