import type { NestExpressApplication } from '@nestjs/platform-express';
import type { OpenAPIObject } from '@nestjs/swagger';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { MatchedPath } from './audit/refusal-of';
import { problemKinds } from './http/problem';

/** What the server knows of its own routes. */
export interface Routes {
  /** Methods of a path, in capitals; none when there is no such path. */
  methodsOf(path: string): readonly string[];
  /** The template of a path, with the id that it names. */
  match(path: string): MatchedPath | undefined;
}

/** Serves the document at `/openapi.json` and a page at `/docs`, both made at their first use and of nothing from outside. */
export function serveOpenApi(app: NestExpressApplication): Routes {
  let made: OpenAPIObject | undefined;
  const document = () => (made ??= describe(app));
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Berth API',
    // The page would otherwise ask a validator on the internet for a badge.
    swaggerOptions: { validatorUrl: null },
  });
  let patterns: readonly Pattern[] | undefined;
  const find = (path: string) => matching((patterns ??= patternsOf(document())), path);
  return {
    methodsOf: (path) => [...new Set(find(path).flatMap(({ methods }) => methods))],
    match: (path) => matchedPath(find(path)[0], path),
  };
}

function describe(app: NestExpressApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Berth')
    .setDescription('Asks for instances of versioned definitions, and for the workers that hold them. Every answer carries the revision that it shows.')
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The token of a principal. `x-scope` of an operation says what it must be good for.' }, 'token')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: "An agent's token, for the internal API." }, 'agent')
    .setOpenAPIVersion('3.1.0')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
    standardSchemaConverter: jsonSchemaOf,
  });
  document.components = { ...document.components, schemas: { ...document.components?.schemas, Problem: problemSchema } };
  return document;
}

/** The schemas of OpenAPI 3.0, which come without being asked for, can say neither what keys may be nor what stands first in a list. */
function jsonSchemaOf(schema: unknown, { schemaType }: { readonly schemaType: 'input' | 'output' }) {
  const { $schema: _version, $defs = {}, ...own } = (schema as SaysItsSchema)['~standard'].jsonSchema[schemaType]({ target: 'draft-2020-12' });
  return { schema: own, components: $defs as Record<string, unknown> };
}

/** What zod's schemas, and those made of them, can do. */
interface SaysItsSchema {
  readonly '~standard': { readonly jsonSchema: Readonly<Record<'input' | 'output', (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown>>> };
}

const problemSchema = {
  type: 'object' as const,
  description: 'A problem document (RFC 9457). Further members tell what is in the way.',
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable', 'requestId'],
  properties: {
    type: { type: 'string' as const },
    title: { type: 'string' as const },
    status: { type: 'integer' as const },
    detail: { type: 'string' as const },
    code: { type: 'string' as const, enum: Object.keys(problemKinds) },
    retryable: { type: 'boolean' as const, description: 'Whether the same request may succeed later.' },
    requestId: { type: 'string' as const },
    errors: {
      type: 'array' as const,
      items: {
        type: 'object' as const,
        required: ['path', 'expected', 'message'],
        properties: { path: { type: 'string' as const }, expected: { type: 'string' as const }, message: { type: 'string' as const } },
      },
    },
  },
};

/** A path of the document, ready to be compared with those of requests. */
interface Pattern {
  readonly template: string;
  readonly path: RegExp;
  readonly methods: readonly string[];
}

function patternsOf({ paths }: OpenAPIObject): readonly Pattern[] {
  return Object.entries(paths).map(([template, item]) => ({ template, path: patternOf(template), methods: Object.keys(item).map((method) => method.toUpperCase()) }));
}

function matching(patterns: readonly Pattern[], path: string): readonly Pattern[] {
  const bare = path.replace(/(?<=.)\/$/, '');
  return patterns.filter((pattern) => pattern.path.test(bare));
}

/** What is no id, such as the key of somebody who mistook it for one, is not told of. */
function matchedPath(pattern: Pattern | undefined, path: string): MatchedPath | undefined {
  if (pattern === undefined) return undefined;
  const id = pattern.path.exec(path)?.groups?.['id'];
  const template = pattern.template.replace(/\{([^}]+)\}/g, ':$1');
  return { template, ...(id !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(id) && { id }) };
}

function patternOf(template: string): RegExp {
  const escaped = template.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\{id\}/, '(?<id>[^/]+)').replace(/\{[^}]+\}/g, '[^/]+')}$`);
}
