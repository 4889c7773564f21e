import type { Component, DefinitionBody } from './definition';
import { workloadFilesBytesMax } from './limits';
import type { TextKind } from './placeholder';
import { portPlaceholder, replacePlaceholders, UnknownPlaceholder } from './placeholder';
import { utf8Bytes } from './utf8';
import type { Workload, WorkloadComponent } from './workload';

/** A definition cannot be made into a workload. */
export class WorkloadRefused extends Error {
  override readonly name = 'WorkloadRefused';

  constructor(
    readonly code: 'workload_too_large' | 'artifact_missing' | 'unknown_placeholder',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a workload is made from. */
export interface WorkloadInputs {
  readonly body: DefinitionBody;
  /** Text of the definition's artifact, if it has one. */
  readonly artifactText?: string;
  readonly instanceId: string;
  /** Port name → allocated number. */
  readonly ports: Readonly<Record<string, number>>;
  /** Address at which the worker is reached. */
  readonly address: string;
}

/** Replaces all placeholders of a definition and its artifact by what was allocated. */
export function renderWorkload(inputs: WorkloadInputs): Workload {
  const { body, instanceId, ports } = inputs;
  const values = placeholderValues(inputs);
  const files = mapValues(filesToRender(inputs), (text) => render(text, 'file', values));
  const bytes = Object.values(files).reduce((sum, text) => sum + utf8Bytes(text), 0);
  if (bytes > workloadFilesBytesMax) {
    const message = `rendered files have ${bytes} bytes, at most ${workloadFilesBytesMax} are allowed`;
    throw new WorkloadRefused('workload_too_large', message);
  }
  return {
    schemaVersion: 1,
    instanceId,
    definition: { name: body.name, version: body.version },
    components: body.components.map((component) => renderComponent(component, values)),
    ports: { ...ports },
    files,
  };
}

function placeholderValues({ instanceId, address, ports }: WorkloadInputs): Map<string, string> {
  return new Map([
    ['BERTH_INSTANCE_ID', instanceId],
    ['BERTH_ADDRESS', address],
    ...Object.entries(ports).map(([name, port]) => [portPlaceholder(name), String(port)] as const),
  ]);
}

function filesToRender({ body, artifactText }: WorkloadInputs): Readonly<Record<string, string>> {
  if (body.artifact === undefined) return body.files;
  if (artifactText === undefined) {
    throw new WorkloadRefused('artifact_missing', `the text of the artifact ${body.artifact.uri} was not given`);
  }
  return { ...body.files, [body.artifact.path]: artifactText };
}

function renderComponent(component: Component, values: ReadonlyMap<string, string>): WorkloadComponent {
  const renderValue = (text: string) => render(text, 'value', values);
  const { name, runtime, resources, readiness, stop } = component;
  return {
    name,
    runtime,
    command: component.command.map(renderValue),
    environment: mapValues(component.environment, renderValue),
    resources,
    ...(readiness !== undefined && { readiness }),
    stop,
  };
}

/** A placeholder without a value: the definition was not checked against the ports that were then allocated. */
function render(text: string, kind: TextKind, values: ReadonlyMap<string, string>): string {
  try {
    return replacePlaceholders(text, kind, values);
  } catch (cause) {
    if (!(cause instanceof UnknownPlaceholder)) throw cause;
    throw new WorkloadRefused('unknown_placeholder', cause.message, { cause });
  }
}

function mapValues(record: Readonly<Record<string, string>>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
