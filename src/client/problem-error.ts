/** The API answered with a problem document. Programs tell problems apart by `code`. */
export class ProblemError extends Error {
  readonly code: string;
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(
    status: number,
    /** All members of the document: what is in the way. */
    readonly document: Readonly<Record<string, unknown>>,
  ) {
    super(textOf(document['detail']) ?? textOf(document['title']) ?? `the server answered ${status}`);
    this.name = 'ProblemError';
    this.status = status;
    this.code = textOf(document['code']) ?? `http_${status}`;
    this.retryable = document['retryable'] === true || (document['code'] === undefined && [429, 502, 503, 504].includes(status));
    this.requestId = textOf(document['requestId']);
  }
}

/** What follows a cursor cannot be told without a gap: list what `relist` names, then go on after `revision`. */
export class CursorGoneError extends ProblemError {
  override readonly name = 'CursorGoneError';

  get revision(): string {
    return textOf(this.document['revision']) ?? '0';
  }

  get relist(): readonly string[] {
    const { relist } = this.document;
    return Array.isArray(relist) ? relist.map(String) : [];
  }
}

/** There was no answer, or none that was whole. Whether the request had an effect is not known. */
export class ConnectionError extends Error {
  constructor(request: string, cause: unknown) {
    super(`${request}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ConnectionError';
  }
}

/** The error that an answer is. */
export function problemOf(status: number, body: string): ProblemError {
  const document = documentOf(body);
  return document['code'] === 'cursor_gone' ? new CursorGoneError(status, document) : new ProblemError(status, document);
}

function documentOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const document = JSON.parse(body) as unknown;
    if (typeof document === 'object' && document !== null) return document as Record<string, unknown>;
  } catch {
    // Something on the way answered in words of its own.
  }
  return { detail: body.slice(0, 500) || undefined };
}

function textOf(member: unknown): string | undefined {
  return typeof member === 'string' ? member : undefined;
}
