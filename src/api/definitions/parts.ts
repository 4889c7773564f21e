import { z } from 'zod';
import type { DefinitionParts } from '../../domain/definition-references';
import {
  commandArgumentsMax,
  componentsMax,
  environmentVariablesMax,
  filesMax,
  portsPerInstanceMax,
} from '../../domain/limits';

/**
 * What can be read of a definition document whatever is wrong with it, so that a person who misspelt a field is told of
 * the duplicate port at once, not on the next try. Cut to the bounds of a good document: a bad one has none.
 */
const anyText = z.string().catch('');

const texts = cutList(anyText, commandArgumentsMax);
const ports = cutList(
  z
    .object({
      name: anyText,
      protocol: z.enum(['tcp', 'udp']).catch('tcp'),
      port: z.number().optional().catch(undefined),
    })
    .catch({ name: '', protocol: 'tcp', port: undefined }),
  portsPerInstanceMax,
);

const probe = z.object({ port: z.string() }).optional().catch(undefined);
const readiness = z
  .object({ http: probe, tcp: probe })
  .transform(({ http, tcp }) => {
    if (http !== undefined) return { kind: 'http' as const, port: http.port };
    return tcp === undefined ? undefined : { kind: 'tcp' as const, port: tcp.port };
  })
  .optional()
  .catch(undefined);

const component = z
  .object({ name: anyText, command: texts, environment: cutMap(environmentVariablesMax), ports, readiness })
  .catch({ name: '', command: [], environment: {}, ports: [], readiness: undefined });

const parts = z
  .object({
    components: cutList(component, componentsMax),
    ports,
    files: cutMap(filesMax),
    artifact: z.object({ path: anyText, format: z.string().optional().catch(undefined) }).optional().catch(undefined),
  })
  .catch({ components: [], ports: [], files: {}, artifact: undefined });

/** Parts of a document, with what was left out of the checks (names that are no text) as empty text. */
export type ReadableParts = DefinitionParts & { readonly artifact?: { readonly path: string; readonly format?: string } };

/** Reads what can be read; never fails. */
export function readParts(document: unknown): ReadableParts {
  return parts.parse(document);
}

function cutList<Element extends z.ZodType>(element: Element, max: number) {
  return z
    .array(element)
    .catch([])
    .transform((elements) => elements.slice(0, max));
}

function cutMap(max: number) {
  return z
    .record(z.string(), anyText)
    .catch({})
    .transform((entries) => Object.fromEntries(Object.entries(entries).slice(0, max)));
}
