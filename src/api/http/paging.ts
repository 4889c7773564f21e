import { pageSizeDefault } from '../../domain/limits';
import { problemAt } from '../../domain/problem';
import { ApiProblem } from './problem';

/** What a page is asked for by. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly minRevision?: number | undefined;
  readonly timeout?: number | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly revision: string;
  readonly nextCursor?: string;
}

/** Where a page ended, and what the reader of the next one must at least be shown. */
interface Cursor {
  readonly after: string;
  readonly revision: number;
}

/** The query with the cursor read: the next page is never older than the one before, whichever replica answers. */
export function withCursor<Query extends PageQuery>(query: Query): Query & { readonly after: string } {
  if (query.cursor === undefined) return { ...query, after: '' };
  const cursor = readCursor(query.cursor);
  return { ...query, after: cursor.after, minRevision: Math.max(query.minRevision ?? 0, cursor.revision) };
}

/**
 * Cuts a page out of all objects. The order is that of ids, which never change: what was there all the time is shown
 * exactly once, whatever comes and goes between two pages.
 */
export function pageOfObjects<Object extends { readonly id: string }, Item>(
  objects: readonly Object[],
  query: { readonly after: string; readonly limit?: number | undefined },
  revision: number,
  show: (object: Object) => Item,
): Page<Item> {
  const limit = query.limit ?? pageSizeDefault;
  const rest = objects.filter(({ id }) => id > query.after).sort((one, other) => (one.id < other.id ? -1 : 1));
  const shown = rest.slice(0, limit);
  const last = shown[shown.length - 1];
  return {
    items: shown.map(show),
    revision: String(revision),
    ...(rest.length > limit && last && { nextCursor: cursorAfter(last.id, revision) }),
  };
}

/** Asks for what comes after an object, shown at least as it was at a revision. */
export function cursorAfter(id: string, revision: number): string {
  return writeCursor({ after: id, revision });
}

function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify([cursor.after, cursor.revision])).toString('base64url');
}

function readCursor(text: string): Cursor {
  try {
    const [after, revision] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (typeof after === 'string' && Number.isSafeInteger(revision)) return { after, revision: revision as number };
  } catch {
    // Told below, like a cursor that is JSON and yet none.
  }
  const problem = problemAt(['cursor'], 'the nextCursor of an earlier page', JSON.stringify(text.slice(0, 40)));
  throw new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}
