import type { Refusal } from '../../domain/admission';
import type { Problem } from '../../domain/problem';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Whether the same request may succeed later. */
  readonly retryable?: true;
}

/** Every code that the API answers with. Programs tell problems apart by these, so they are never renamed. */
export const problemKinds = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_document: { status: 400, title: 'The document is not valid' },
  malformed_body: { status: 400, title: 'The body cannot be read' },
  revision_unknown: { status: 400, title: 'The store has not reached this revision' },
  unauthenticated: { status: 401, title: 'Credentials are missing or not known' },
  forbidden: { status: 403, title: 'This is not allowed' },
  org_suspended: { status: 403, title: 'The org is suspended' },
  not_found: { status: 404, title: 'There is nothing here' },
  definition_not_found: { status: 404, title: 'No such definition' },
  instance_not_found: { status: 404, title: 'No such instance' },
  org_not_found: { status: 404, title: 'No such org' },
  project_not_found: { status: 404, title: 'No such project' },
  principal_not_found: { status: 404, title: 'No such principal' },
  token_not_found: { status: 404, title: 'No such token' },
  template_not_found: { status: 404, title: 'No such worker template' },
  worker_not_found: { status: 404, title: 'No such worker' },
  snapshot_not_found: { status: 404, title: 'The object had no such state' },
  workload_not_found: { status: 404, title: 'No such workload' },
  lease_lost: { status: 404, title: 'The lease is gone; register again' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  request_timeout: { status: 408, title: 'The request was not sent in time' },
  version_exists: { status: 409, title: 'The definition version exists already' },
  template_exists: { status: 409, title: 'A template of this name exists already' },
  principal_exists: { status: 409, title: 'A principal of this name or external identity exists already' },
  token_limit: { status: 409, title: 'The principal has as many tokens as it may' },
  org_exists: { status: 409, title: 'An org of this name exists already' },
  project_exists: { status: 409, title: 'A project of this name exists already in the org' },
  org_not_empty: { status: 409, title: 'The org still holds something' },
  project_not_empty: { status: 409, title: 'The project still holds something' },
  definition_not_active: { status: 409, title: 'The definition takes no new instances' },
  artifact_changed: { status: 409, title: 'The artifact is another one than the version was made with' },
  definition_in_use: { status: 409, title: 'Instances still use the definition' },
  org_closing: { status: 409, title: 'The org, or its project, is being deleted' },
  quota_exceeded: { status: 409, title: 'The org, or its project, may not hold more' },
  invalid_transition: { status: 409, title: 'Not possible in the present phase' },
  command_pending: { status: 409, title: 'An earlier command is not taken up yet' },
  idempotency_key_reuse: { status: 409, title: 'The idempotency key was used for another request' },
  wait_impossible: { status: 409, title: 'The phase waited for can no longer come' },
  store_unmanaged: { status: 409, title: 'The server has no rights to look after the store' },
  conflict: { status: 409, title: 'Others kept changing the object', retryable: true },
  cursor_gone: { status: 410, title: 'The stream does not go on from this cursor' },
  precondition_failed: { status: 412, title: 'The object has changed' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'This kind of body is not understood' },
  artifact_not_found: { status: 422, title: 'The artifact is not there' },
  artifact_outside: { status: 422, title: 'The artifact is outside of the artifacts directory' },
  artifact_too_large: { status: 422, title: 'The artifact is too large' },
  artifact_hash_mismatch: { status: 422, title: 'The artifact is not the one that was meant' },
  artifact_invalid: { status: 422, title: 'The artifact cannot be used' },
  unplaceable: { status: 422, title: 'No known worker or template could ever hold it' },
  rate_limited: { status: 429, title: 'Too many requests in too short a time', retryable: true },
  too_many_requests_in_flight: { status: 429, title: 'The caller has too many requests open', retryable: true },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  record_incomplete: { status: 500, title: 'The record lacks events of the object' },
  internal_error: { status: 500, title: 'A fault of the server' },
  dependency_unavailable: { status: 503, title: 'A dependency cannot be reached', retryable: true },
  commit_uncertain: { status: 503, title: 'It is not known whether this happened', retryable: true },
  newer_version: { status: 503, title: 'A newer version of the server wrote this', retryable: true },
  store_full: { status: 503, title: 'The store is nearly full and takes no new work', retryable: true },
  not_ready: { status: 503, title: 'The server is not ready', retryable: true },
  too_many_readers: { status: 503, title: 'The server has as many readers of events as it takes', retryable: true },
  projection_timeout: { status: 504, title: 'The revision was not reached in time', retryable: true },
  wait_timeout: { status: 504, title: 'The phase was not reached in time', retryable: true },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

export interface ProblemOptions extends ErrorOptions {
  /** What is wrong where, for requests and documents. */
  readonly errors?: readonly Problem[];
  /** Further members of the problem document: what is in the way. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whoever found the cause told the log of it; each request that meets it need not. */
  readonly isLogged?: true;
}

/** An answer that is not what was asked for; becomes a problem document (RFC 9457). */
export class ApiProblem extends Error {
  constructor(
    readonly code: ProblemCode,
    /** One sentence about this occurrence. */
    detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(detail, options);
    this.name = 'ApiProblem';
  }

  get status(): number {
    return problemKinds[this.code].status;
  }
}

/** What the domain refuses, as the API says it. */
export function problemOfRefusal(refusal: Refusal): ApiProblem {
  const code = refusal.code in problemKinds ? (refusal.code as ProblemCode) : refusal.kind === 'invalid' ? 'invalid_request' : 'conflict';
  return new ApiProblem(code, refusal.message, { members: refusal.detail ?? {}, ...(refusal.problems && { errors: refusal.problems }) });
}

/** The document that is sent. */
export function problemDocument(problem: ApiProblem, requestId: string): Record<string, unknown> {
  const kind: ProblemKind = problemKinds[problem.code];
  return {
    ...problem.options.members,
    type: `urn:berth:problem:${problem.code}`,
    title: kind.title,
    status: kind.status,
    detail: problem.message,
    code: problem.code,
    retryable: kind.retryable === true,
    requestId,
    ...(problem.options.errors && { errors: problem.options.errors }),
  };
}
