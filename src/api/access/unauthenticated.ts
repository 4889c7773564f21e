import { ApiProblem } from '../http/problem';

/** Says what to bring, and nothing of why this was not it. */
export function unauthenticated(detail: string): ApiProblem {
  return new ApiProblem('unauthenticated', `${detail}; send it in the header Authorization, as "Bearer <token>"`, { headers: { 'WWW-Authenticate': 'Bearer' } });
}
