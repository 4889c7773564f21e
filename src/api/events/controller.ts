import { Controller, Get, Headers, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import type { EventPosition } from '../../domain/event-position';
import { eventPageSizeDefault } from '../../domain/limits';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { AccessWatch } from '../access/access-watch';
import { Requires } from '../access/requires';
import { asksForStream } from '../http/accept';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Problems } from '../http/docs';
import { streamedEvent } from '../http/streamed-event';
import { ApiProblem } from '../http/problem';
import { EventFeed } from './feed';
import { filterFor } from './filter';
import type { Polled } from './poll';
import { pollEvents } from './poll';
import type { EventsQuery } from './schemas';
import { eventCursorPattern, eventsQuery } from './schemas';
import { EventStart } from './start';
import { streamEvents } from './stream';

const description = `Every change of every object that is the caller's own, in one order that is the same for all who read, each at least once, as CloudEvents 1.0.
Read with Accept: application/json, page by page: the answer's nextCursor is the next request's cursor.
Or with Accept: text/event-stream, as Server-Sent Events: \`change\` holds an event, and its id is the cursor to resume from; \`position\` moves
that cursor on past what the filter left out; \`end\` says why the server ends the stream. A reader that takes nothing for 30 s is cut.
Without a cursor: from now on. To list first and miss nothing, read on from the revision that the list answered with.
A cursor that cannot be resumed from is answered with 410 and with what to list anew.
Consistency: eventual. With minRevision set to the revision of a change, that change is within reach.`.replaceAll('\n', ' ');

/** `/api/v1/events`: everything that happens, by polling or as a stream. */
@ApiTags('events')
@Controller('api/v1/events')
export class EventsController {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(EventFeed) private readonly feed: EventFeed,
    @Inject(EventStart) private readonly start: EventStart,
    @Inject(AccessWatch) private readonly access: AccessWatch,
  ) {}

  @Get()
  @Requires('events:read')
  @ApiBearerAuth('token')
  @ApiOperation({ summary: 'Follow all changes in order, by polling or as a stream', description })
  @ApiHeader({ name: 'Last-Event-ID', required: false, schema: { type: 'string', pattern: eventCursorPattern.source }, description: 'Where a stream is resumed; says more than cursor and revision.' })
  @ApiOkResponse({
    description: 'A page of events, or a stream that does not end by itself.',
    headers: { 'Berth-Revision': { description: 'The revision that a page shows.', schema: { type: 'string' } } },
    content: eventsContent(),
  })
  @Problems('unauthenticated', 'forbidden', 'org_suspended', 'rate_limited', 'too_many_requests_in_flight', 'invalid_request', 'revision_unknown', 'cursor_gone', 'dependency_unavailable', 'not_ready', 'newer_version', 'too_many_readers', 'projection_timeout')
  async events(
    @Query({ schema: eventsQuery }) query: EventsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
    @Context() context: RequestContext,
  ): Promise<void> {
    const isStream = asksForStream(request);
    // Whoever asks for the head alone is shown no stream, and would be waited for without end.
    if (isStream && request.method === 'HEAD') return void response.type('text/event-stream').end();
    await this.feed.admit(context.gone, async () => {
      const from = await this.start.of(query, lastEventId);
      await (isStream ? this.stream(from, query, response, context) : this.poll(from, query, response, context));
    });
  }

  private async poll(from: EventPosition, query: EventsQuery, response: Response, { gone, caller }: RequestContext): Promise<void> {
    const { limit = eventPageSizeDefault, wait: waitMs = 0 } = query;
    const poll = (over: AbortSignal) => pollEvents(this.feed, { from, filter: filterFor(caller, query), limit, waitMs, gone: over });
    const polled = await (waitMs === 0 ? poll(gone) : this.access.during(caller, gone, poll));
    const revision = String(this.dependencies.cache.revision);
    response.status(200).set({ 'Berth-Revision': revision }).type('application/json').send(textOf(polled, revision));
  }

  private async stream(from: EventPosition, query: EventsQuery, response: Response, { gone, requestId, caller }: RequestContext): Promise<void> {
    const { log } = this.dependencies;
    if (!this.feed.isCurrent) throw new ApiProblem('dependency_unavailable', 'this server does not follow etcd at the moment', { members: { dependency: 'etcd' } });
    const access = this.access.follow(caller);
    await streamEvents(response, {
      ended: access.ended,
      feed: this.feed,
      from,
      filter: filterFor(caller, query),
      gone,
      onEnd: (end, position, cause) => log[end === 'server_stopping' ? 'debug' : 'warn']({ requestId, position, err: cause }, `a stream of events was ended: ${end}`),
    }).finally(() => access.release());
  }
}

/** Events are texts already. */
function textOf({ events, position, more }: Polled, revision: string): string {
  const items = events.map(({ json }) => json.toString()).join(',');
  return `{"items":[${items}],"nextCursor":"${position}","more":${more},"revision":"${revision}"}`;
}

function eventsContent() {
  const text = { type: 'string' as const };
  const items = { type: 'array' as const, description: 'In the order of their ids.', items: { $ref: '#/components/schemas/Event' } };
  const page = {
    type: 'object' as const,
    required: ['items', 'nextCursor', 'more', 'revision'],
    properties: {
      items,
      nextCursor: { ...text, description: 'Where to go on; it moves also when the filter let nothing through.' },
      more: { type: 'boolean' as const, description: 'Whether there is more to read at once.' },
      revision: { ...text, description: 'The revision that this server has come to.' },
    },
  };
  return { 'application/json': { schema: page }, 'text/event-stream': { schema: streamedEvent(['change', 'position', 'end']) } };
}
