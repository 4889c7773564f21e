import type { PortRange } from '../domain/worker';

/** What an agent is told when it is made: who it is, whom it serves, and what of the host is its own. */
export interface AgentConfig {
  readonly workerId: string;
  /** Base address of the control plane, such as `http://127.0.0.1:8080`. */
  readonly api: string;
  /** Shown with every request. */
  readonly token: string;
  /** Where the agent keeps its plan and the instances' files. No other agent uses it. */
  readonly directory: string;
  /** Address at which the ports of its instances are reached. */
  readonly address: string;
  readonly portRange: PortRange;
}

/** Checks the text of a configuration file; errors name the file, the property and what was expected. */
export function parseAgentConfig(text: string, file: string): AgentConfig {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new TypeError(`${file}: expected an object`);
  const properties: Readonly<Record<string, unknown>> = { ...value };
  const required = (name: string): string => {
    const property = properties[name];
    if (typeof property !== 'string' || property === '') throw new TypeError(`${file}: ${name}: expected a text`);
    return property;
  };
  return {
    workerId: required('workerId'),
    api: required('api'),
    token: required('token'),
    directory: required('directory'),
    address: required('address'),
    portRange: portRangeOf(file, properties.portRange),
  };
}

function portRangeOf(file: string, value: unknown): PortRange {
  const { from, to } = (value ?? {}) as Partial<PortRange>;
  if (!isPort(from) || !isPort(to) || from > to) {
    throw new TypeError(`${file}: portRange: expected { from, to } with 1 <= from <= to <= 65535`);
  }
  return { from, to };
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}
