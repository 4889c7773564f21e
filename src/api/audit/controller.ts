import { once } from 'node:events';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import type { AuditFilter, AuditLine, AuditPlace } from '../../domain/audit';
import { platformOrg } from '../../domain/header';
import { auditExportDrainMsMax, auditExportsMax, auditPageSizeDefault } from '../../domain/limits';
import type { Caller } from '../../domain/principal';
import { problemAt } from '../../domain/problem';
import { AccessWatch } from '../access/access-watch';
import { Requires } from '../access/requires';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { loggedRequest } from '../http/access-log';
import { Problems } from '../http/docs';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { Audit } from './audit';
import type { AuditQuery } from './schemas';
import { auditContent, auditQuery, jsonLines } from './schemas';

const description = `Mutations and refusals in the order of time, with who, from where, by which credential and scope, and what became of it.
With "Accept: ${jsonLines}" all lines that the filters let through, one JSON object a line, without pages.
Refusals come within a second or two. Consistency: eventual. With minRevision set to the revision of a change, that change is shown.`.replaceAll('\n', ' ');

/** `/api/v1/audit`: who did what, and who was kept from doing it. */
@ApiTags('audit')
@Controller('api/v1/audit')
export class AuditController {
  /** Ids of those for whom one is written. */
  private readonly exporting = new Set<string>();

  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(AccessWatch) private readonly access: AccessWatch,
  ) {}

  @Get()
  @Requires('audit:read')
  @ApiBearerAuth('token')
  @ApiOperation({ summary: 'Who did what, and who was refused what', description })
  @ApiOkResponse({
    description: 'A page, or all lines.',
    headers: { 'Berth-Revision': { description: 'The revision that a page shows.', schema: { type: 'string' } } },
    content: auditContent(),
  })
  @Problems('unauthenticated', 'forbidden', 'org_suspended', 'rate_limited', 'too_many_requests_in_flight', 'invalid_request', 'revision_unknown', 'dependency_unavailable', 'too_many_readers', 'projection_timeout')
  async read(@Query({ schema: auditQuery }) query: AuditQuery, @Req() request: Request, @Res() response: Response, @Context() context: RequestContext): Promise<void> {
    const filter = filterOf(query, context.caller);
    const after = query.cursor === undefined ? undefined : placeOf(query.cursor);
    await this.reads.upTo(query);
    if (request.accepts(['application/json', jsonLines]) === jsonLines) return this.export(filter, response, context);
    const { lines: items, hasMore } = await this.audit.page(filter, after, query.limit ?? auditPageSizeDefault);
    const last = items[items.length - 1];
    const revision = String(this.dependencies.cache.revision);
    response.status(200).set({ 'Berth-Revision': revision });
    response.json({ items, ...(hasMore && last && { nextCursor: cursorOf(last) }), revision });
  }

  /** One at a time for each who asks, so that nobody keeps the others out. */
  private async export(filter: AuditFilter, response: Response, context: RequestContext): Promise<void> {
    const { caller, gone } = context;
    if (this.exporting.has(caller.id)) throw new ApiProblem('too_many_requests_in_flight', 'this server writes an export for you already; ask again when it has ended');
    if (this.exporting.size >= auditExportsMax) throw new ApiProblem('too_many_readers', `this server writes ${auditExportsMax} exports already; ask again`);
    this.exporting.add(caller.id);
    const access = this.access.follow(caller);
    try {
      const isWhole = await writeAll(this.audit.all(filter), response, AbortSignal.any([gone, access.ended]));
      if (isWhole) this.dependencies.log.info({ ...loggedRequest(context), filter }, 'the audit was exported');
      else response.destroy();
    } finally {
      access.release();
      this.exporting.delete(caller.id);
    }
  }
}

/**
 * Reads on as fast as the client does; answers whether all was written. What goes wrong half-way, whose reader takes
 * nothing and whose credential ends cuts the connection: an export that ends is whole.
 */
async function writeAll(lines: AsyncGenerator<AuditLine>, response: Response, over: AbortSignal): Promise<boolean> {
  // Nothing has left before the first line: a store that is away is told of by a problem.
  response.status(200).type(jsonLines);
  for await (const line of lines) {
    if (!(await isWritten(response, line, over))) return false;
  }
  response.end();
  return true;
}

async function isWritten(response: Response, line: AuditLine, over: AbortSignal): Promise<boolean> {
  if (over.aborted) return false;
  if (response.write(`${JSON.stringify(line)}\n`)) return true;
  return once(response, 'drain', { signal: AbortSignal.any([over, AbortSignal.timeout(auditExportDrainMsMax)]) }).then(() => true, () => false);
}

/** What a reader asks for, within what they may see. */
function filterOf({ principal, object, from, to, outcome, code, org }: AuditQuery, caller: Caller): AuditFilter {
  const isPlatform = caller.org === platformOrg;
  if (!isPlatform && org !== undefined && org !== caller.org) throw new ApiProblem('forbidden', 'only those who run Berth read the audit of other organisations');
  return { principal, object, from, to, outcome, code, org: isPlatform ? org : caller.org, projects: caller.projects };
}

function cursorOf({ time, id }: AuditPlace): string {
  return Buffer.from(JSON.stringify([time, id])).toString('base64url');
}

function placeOf(cursor: string): AuditPlace {
  try {
    const [time, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (typeof time === 'string' && typeof id === 'string') return { time, id };
  } catch {
    // Told below, like a cursor that is JSON and yet none.
  }
  const problem = problemAt(['cursor'], 'the nextCursor of an earlier page', JSON.stringify(cursor.slice(0, 40)));
  throw new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}
