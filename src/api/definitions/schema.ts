import { z } from 'zod';
import {
  commandArgumentsMax,
  componentsMax,
  descriptionCharactersMax,
  environmentVariablesMax,
  filesMax,
  maxDurationMsMax,
  portsPerInstanceMax,
  readinessTimeoutMsMax,
  retryAttemptsCeiling,
  retryBackoffFactorCeiling,
  retryBackoffMsCeiling,
  stopGraceMsMax,
} from '../../domain/limits';
import {
  cpu,
  duration,
  labels,
  memory,
  name,
  portName,
  portNumber,
  relativePath,
  sha256,
  storage,
  version,
} from '../documents/scalars';
import { list, map, oneOf, section, text, wholeNumber, withRule } from '../documents/schema';

/** The definition document as people write it, and, by `z.toJSONSchema`, as the API documents it. */

const signals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const;

// A NUL ends a string for the operating system, so that what runs would not be what was written.
const plainText = text('text without NUL characters (numbers and true or false in quotes)', /^[^\u0000]*$/);

const ports = list(
  section({
    name: portName,
    protocol: oneOf(['tcp', 'udp']).optional(),
    port: portNumber.optional().meta({ description: 'Fixed number; without it one is allocated.' }),
  }),
  portsPerInstanceMax,
  'ports',
);

const readiness = withRule(
  section({
    http: section({
      port: portName,
      path: text('a path that begins with /', /^\/[^\s]*$/).optional(),
      status: wholeNumber(100, 599).optional(),
    }).optional(),
    tcp: section({ port: portName }).optional(),
    interval: duration(10, readinessTimeoutMsMax).optional(),
    timeout: duration(100, readinessTimeoutMsMax).optional(),
  }),
  ({ http, tcp }) => {
    if ((http === undefined) !== (tcp === undefined)) return undefined;
    return { path: [], expected: 'either http or tcp', found: http === undefined ? 'neither' : 'both' };
  },
).meta({ oneOf: [{ required: ['http'] }, { required: ['tcp'] }] });

const component = withRule(
  section({
    name,
    runtime: oneOf(['process', 'noop']).optional(),
    command: list(plainText, commandArgumentsMax, 'arguments')
      .optional()
      .meta({ description: 'Program and arguments; run in the directory of the instance, not by a shell.' }),
    environment: map(
      text('the name of an environment variable', /^[A-Za-z_][A-Za-z0-9_]*$/),
      plainText,
      environmentVariablesMax,
      'environment variables',
    ).optional(),
    ports: ports.optional(),
    resources: section({ cpu: cpu.optional(), memory: memory.optional(), storage: storage.optional() }).optional(),
    readiness: readiness.optional(),
    stop: section({ signal: oneOf(signals).optional(), grace: duration(0, stopGraceMsMax).optional() }).optional(),
  }),
  ({ runtime, command = [] }) => {
    if (runtime === 'noop' || !Array.isArray(command) || (command[0] ?? '') !== '') return undefined;
    const found = command.length === 0 ? 'none' : 'an empty name';
    return { path: ['command'], expected: 'a command with the name of a program', found };
  },
).meta({
  anyOf: [
    { required: ['runtime'], properties: { runtime: { const: 'noop' } } },
    { required: ['command'], properties: { command: { minItems: 1, prefixItems: [{ minLength: 1 }] } } },
  ],
});

const artifact = section({
  uri: text('a file: URI relative to the artifacts directory, such as file:labs/campus.yaml', /^file:[^\u0000\\?#]+$/),
  format: oneOf(['cml', 'text']),
  path: relativePath,
  sha256: sha256.optional(),
});

const backoff = duration(1, retryBackoffMsCeiling);
/** How a failing step is tried again. */
export const retryPolicy = withRule(
  section({
    maxAttempts: wholeNumber(1, retryAttemptsCeiling).optional(),
    initialBackoff: backoff.optional(),
    maxBackoff: backoff.optional(),
    factor: z
      .number({ error: 'a number' })
      .min(1, { error: 'a factor of at least 1' })
      .max(retryBackoffFactorCeiling, { error: `a factor of at most ${retryBackoffFactorCeiling}` })
      .optional(),
  }),
  ({ initialBackoff = 0, maxBackoff = Infinity }) => {
    if (!(initialBackoff > maxBackoff)) return undefined;
    const found = `${maxBackoff} ms after ${initialBackoff} ms`;
    return { path: ['maxBackoff'], expected: 'no less than initialBackoff', found };
  },
);

/** What to do when a running component ends. */
export const restartPolicy = oneOf(['always', 'on-failure', 'never']);

export const definitionDocument = section({
  name,
  version,
  description: text(
    `text of at most ${descriptionCharactersMax} characters`,
    new RegExp(`^[^\\u0000]{0,${descriptionCharactersMax}}$`, 'u'),
  ).optional(),
  labels: labels.optional(),
  components: list(component, componentsMax, 'components').min(1, { error: 'at least one component' }),
  ports: ports.optional().meta({ description: 'Ports of the instance as a whole.' }),
  files: map(relativePath, plainText, filesMax, 'files').optional(),
  artifact: artifact.optional(),
  constraints: section({ labels: labels.optional() }).optional(),
  maxDuration: duration(1000, maxDurationMsMax).optional(),
  restart: restartPolicy.optional(),
  retry: retryPolicy.optional(),
}).meta({ id: 'DefinitionDocument' });

/** A document that satisfies the schema: units resolved, defaults not yet filled in. */
export type DefinitionDocument = z.output<typeof definitionDocument>;
