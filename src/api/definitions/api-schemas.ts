import { z } from 'zod';
import { name } from '../documents/scalars';
import { section } from '../documents/schema';
import { archivedField, labelsFilter, objectId, ownerFields, ownerOfNew, pageFields, readFields, several } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { constraintsView, headerFields, pageOf, portRequestView, resourcesView } from '../http/views';
import { parseDefinition } from './document';
import { definitionDocument } from './schema';

/** The body of `POST /definitions`: documented by the document's schema, read with all of a document's checks. */
export const createDefinition = {
  '~standard': { ...definitionDocument['~standard'], validate: (input: unknown) => ({ value: parseDefinition(input) }) },
};

export const definitionName = name;

export const definitionPhases = ['PENDING_SYNC', 'ACTIVE', 'DEPRECATED', 'DELETED'] as const;

export const listDefinitionsQuery = section({
  ...pageFields,
  ...ownerFields,
  name: name.optional(),
  phase: several(definitionPhases).optional().meta({ description: 'DELETED ones are shown only when asked for.' }),
  label: labelsFilter.optional(),
  archived: archivedField,
});
export const createDefinitionQuery = section(ownerOfNew);
export type CreateDefinitionQuery = z.output<typeof createDefinitionQuery>;

export const definitionVersionsQuery = section({ ...readFields, org: objectId.optional().meta({ description: 'Id of the org whose name is meant, for those who run Berth.' }) });
export type DefinitionVersionsQuery = z.output<typeof definitionVersionsQuery>;

export type ListDefinitionsQuery = z.output<typeof listDefinitionsQuery>;

const artifactView = z.object({ uri: z.string(), format: z.enum(['cml', 'text']), path: z.string(), sha256: z.string().optional() });

const readinessView = z.object({
  kind: z.enum(['http', 'tcp']),
  port: z.string(),
  path: z.string().optional(),
  status: z.int().optional(),
  intervalMs: z.int(),
  timeoutMs: z.int(),
});

const componentView = z
  .object({
    name: z.string(),
    runtime: z.enum(['process', 'noop']),
    command: z.array(z.string()),
    environment: z.record(z.string(), z.string()),
    ports: z.array(portRequestView),
    resources: resourcesView,
    readiness: readinessView.optional(),
    stop: z.object({ signal: z.string(), graceMs: z.int() }),
  })
  .meta({ id: 'Component' });

const documentView = z
  .object({
    schemaVersion: z.int(),
    name: z.string(),
    version: z.string(),
    description: z.string(),
    labels: z.record(z.string(), z.string()),
    components: z.array(componentView),
    ports: z.array(portRequestView),
    files: z.record(z.string(), z.string()),
    artifact: artifactView.optional(),
    constraints: constraintsView,
    maxDurationMs: z.int().optional(),
    restart: z.object({ policy: z.string() }),
    retry: z.object({ attemptsMax: z.int(), initialBackoffMs: z.int(), maxBackoffMs: z.int(), factor: z.number() }),
  })
  .meta({ id: 'DefinitionBody', description: 'The document with all defaults filled in.' });

export const definitionView = z
  .object({
    ...headerFields('Definition'),
    spec: z.object({ name: z.string(), version: z.string(), contentHash: z.string(), artifact: artifactView.optional() }),
    status: z.object({
      phase: z.enum(definitionPhases),
      message: z.string(),
      observedGeneration: z.int(),
      updatedAt: z.string(),
      artifact: z
        .object({ sha256: z.string(), bytes: z.int(), nodeCount: z.int(), ports: z.array(portRequestView) })
        .optional()
        .meta({ description: 'What was learnt from the artifact.' }),
    }),
    document: documentView.optional().meta({ description: 'Where a single definition is shown.' }),
  })
  .meta({ id: 'Definition' });
export type DefinitionView = DeepReadonly<z.output<typeof definitionView>>;

export const definitionPage = pageOf(definitionView, 'DefinitionPage');

export const definitionVersions = z
  .object({ items: z.array(definitionView), revision: z.string() })
  .meta({ id: 'DefinitionVersions' });
export type DefinitionVersions = DeepReadonly<z.output<typeof definitionVersions>>;
