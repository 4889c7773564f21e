import type { PrincipalView } from '../../../src/api/principals/schemas';
import type { NewTokenView } from '../../../src/api/tokens/schemas';
import type { Reply } from './client';
import type { TestApi } from './test-api';

export const principals = '/api/v1/principals';
export const tokens = '/api/v1/tokens';

/** The header by which a token is shown. */
export function as(token: string | NewTokenView): { readonly authorization: string } {
  return { authorization: `Bearer ${typeof token === 'string' ? token : token.secret}` };
}

/** Somebody with a token. */
export interface Somebody {
  readonly principal: PrincipalView;
  readonly token: NewTokenView;
  /** Headers of their requests. */
  readonly headers: { readonly authorization: string };
}

let count = 0;

/** Makes a principal and a token of its, each as the administrator of the platform. */
export async function somebody(api: TestApi, wanted: Record<string, unknown> = {}, token: Record<string, unknown> = {}): Promise<Somebody> {
  const principal = await made(api.client.post<PrincipalView>(principals, { name: `somebody-${++count}`, type: 'user', roles: ['developer'], ...wanted }));
  const shown = await made(api.client.post<NewTokenView>(tokens, { principal: principal.id, ...token }));
  return { principal, token: shown, headers: as(shown) };
}

/** The body of what was created; fails where it was not. */
export async function made<Body>(asked: Promise<Reply<Body>>): Promise<Body> {
  const reply = await asked;
  if (reply.status !== 201) throw new Error(`${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}
