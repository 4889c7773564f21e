import { applyDecorators, HttpCode, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import type { Kind } from '../../domain/header';
import { idempotencyKeyCharactersMax } from '../../domain/limits';
import type { Scope } from '../../domain/scopes';
import { OpenToAll, Requires } from '../access/requires';
import { Answers } from './answer';
import { NoBody } from './body';
import type { ProblemCode } from './problem';
import { problemKinds } from './problem';

interface RouteDescription {
  /** What a caller must be allowed to do. */
  readonly scope: Scope;
  /** The kind of the object that the route's `:id` names: it must be one that the caller may know of. */
  readonly of?: Kind;
  readonly summary: string;
  readonly description?: string;
  /** Answered when all goes well, checked before it is sent. */
  readonly answer: z.ZodType;
  readonly problems?: readonly ProblemCode[];
}

/** A route that changes something: declares, documents and checks its answer. */
export function Mutates(route: RouteDescription & { readonly status: 200 | 201 | 202; readonly ifMatch?: boolean; readonly newWork?: boolean; readonly takesBody?: boolean }) {
  const problems: ProblemCode[] = [
    ...accessProblems,
    'invalid_request',
    'idempotency_key_reuse',
    'conflict',
    'dependency_unavailable',
    'commit_uncertain',
    'newer_version',
    ...(route.ifMatch ? (['precondition_failed'] as const) : []),
    ...(route.newWork ? (['store_full'] as const) : []),
    ...(route.problems ?? []),
  ];
  return applyDecorators(
    HttpCode(route.status),
    ...access(route),
    // What creates something takes a body, and what says so.
    ...(route.status === 201 || route.takesBody ? [] : [UseGuards(NoBody)]),
    ApiOperation({ summary: route.summary, ...(route.description !== undefined && { description: route.description }) }),
    ApiHeader({ name: 'Idempotency-Key', required: false, schema: idempotencyKey, description: 'The same key again repeats the answer, not the deed; made and returned when absent.' }),
    ...(route.ifMatch ? [ApiHeader({ name: 'If-Match', required: false, schema: entityTags, description: 'Only if the ETag is still this one.' })] : []),
    ...answers(route.status, route.answer, { ...(route.status === 201 && { Location: 'Where the new object is.' }), ...mutationHeaders }),
    ...problemResponses(problems),
  );
}

/** A route that reads. `consistency`: lists may lag behind; a single object is looked for in the store before it is called absent. */
export function ReadsOnly(route: RouteDescription & { readonly consistency: 'eventual' | 'read-your-writes' }) {
  const consistency =
    route.consistency === 'eventual'
      ? 'Consistency: eventual. With minRevision set to the revision of a change, that change is shown.'
      : 'Consistency: read-your-writes with minRevision; what is not known here is looked for in the store before it is called absent.';
  return applyDecorators(
    ...access(route),
    ApiOperation({ summary: route.summary, description: [route.description, consistency].filter(Boolean).join(' ') }),
    ...answers(200, route.answer, { 'Berth-Revision': 'The revision that this answer shows.' }),
    ...problemResponses([...accessProblems, 'invalid_request', 'revision_unknown', 'projection_timeout', 'dependency_unavailable', ...(route.problems ?? [])]),
  );
}

/**
 * A route by which an operator mends something. What it does depends on what it finds, so that repeating it is harmless
 * and leaves no idempotency record: the second time it finds it done.
 */
export function Operates(route: RouteDescription) {
  const description = [route.description, 'Repeatable: it looks at what is there and does what is left to do.'].filter(Boolean).join(' ');
  return applyDecorators(
    HttpCode(200),
    ...access(route),
    UseGuards(NoBody),
    ApiOperation({ summary: route.summary, description }),
    ...answers(200, route.answer, saysRevision(route.answer) ? { 'Berth-Revision': 'The revision that this answer shows.' } : {}),
    ...problemResponses([...accessProblems, 'invalid_request', 'dependency_unavailable', ...(route.problems ?? [])]),
  );
}

/** A route that says how the server is. */
export function Probes(route: Omit<RouteDescription, 'scope' | 'of'>) {
  return applyDecorators(OpenToAll(), ApiOperation({ summary: route.summary }), ...answers(200, route.answer, {}), ...problemResponses(route.problems ?? []));
}

/** Declares what a route asks of its callers. */
function access({ scope, of }: Pick<RouteDescription, 'scope' | 'of'>) {
  return [Requires(scope, { of }), ApiBearerAuth('token')];
}

const accessProblems: readonly ProblemCode[] = ['unauthenticated', 'forbidden', 'org_suspended', 'rate_limited', 'too_many_requests_in_flight'];

/** Where a body says its revision, the answer's header does, too; see `AnsweringAdapter`. */
function saysRevision(schema: z.ZodType): boolean {
  return schema instanceof z.ZodObject && 'revision' in schema.shape;
}

/** What both headers may be; the same is said where they are read. */
const idempotencyKey = { type: 'string' as const, pattern: `^[!-~]{1,${idempotencyKeyCharactersMax}}$` };
const entityTags = { type: 'string' as const, format: 'entity-tags', pattern: '^(\\*|(W/)?"[^",]*"( *, *(W/)?"[^",]*")*)$' };

const mutationHeaders = {
  ETag: 'The revision of the spec, for If-Match.',
  'Berth-Revision': 'The revision of the commit, for minRevision.',
  'Idempotency-Key': 'The key of this request.',
  'Idempotency-Replayed': '`true` when an earlier request did it.',
};

function answers(status: number, schema: z.ZodType, headers: Readonly<Record<string, string>>) {
  const documented = Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' as const } }]);
  return [
    Answers(schema),
    ApiResponse({ status, description: 'Done.', standardSchema: schema, headers: Object.fromEntries(documented) as Record<string, never> }),
  ];
}

/** Documents problems that a route, or every route of a controller, may answer with. */
export function Problems(...codes: readonly ProblemCode[]) {
  return applyDecorators(...problemResponses(codes));
}

/** What is decided before a request comes to its route. */
const everywhere: readonly ProblemCode[] = [
  'invalid_request',
  'malformed_body',
  'request_timeout',
  'body_too_large',
  'unsupported_media_type',
  'rate_limited',
  'too_many_requests_in_flight',
  'headers_too_large',
  'internal_error',
];

/** One response a status, naming the codes that it may carry. */
function problemResponses(codes: readonly ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set([...codes, ...everywhere])) {
    const { status } = problemKinds[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return [...byStatus].map(([status, listed]) =>
    ApiResponse({
      status,
      description: listed.map((code) => `\`${code}\`: ${problemKinds[code].title}.`).join(' '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }),
  );
}
