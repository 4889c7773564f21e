import type { Header } from '../../domain/header';
import { problemAt } from '../../domain/problem';
import type { Entry } from '../../stores/etcd/client';
import type { RequestContext } from './context';
import { ApiProblem } from './problem';

/** The ETag of an object: the revision of its spec, which moves only when somebody wants something else. */
export function etagOf(spec: Entry<Header>): string {
  return `"${spec.revision}"`;
}

/** Refuses when the client has decided on another spec than the present one. */
export function requireMatch(context: RequestContext, spec: Entry<Header>): void {
  const { ifMatch } = context;
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const wanted = ifMatch.split(',').map((tag) => tag.trim());
  if (!wanted.every((tag) => /^(W\/)?"[^"]*"$/.test(tag))) throw unreadable(ifMatch);
  if (wanted.includes(etagOf(spec))) return;
  const { cause, updatedAt, generation } = spec.value;
  const detail = `the object was changed by ${cause.actor} at ${updatedAt}; its ETag is ${etagOf(spec)}, If-Match asks for ${ifMatch}`;
  throw new ApiProblem('precondition_failed', detail, {
    members: { changedBy: cause.actor, changedAt: updatedAt, generation },
    headers: { ETag: etagOf(spec) },
  });
}

function unreadable(ifMatch: string): ApiProblem {
  const problem = problemAt(['If-Match'], '* or ETags in quotes', JSON.stringify(ifMatch.slice(0, 40)));
  return new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}
