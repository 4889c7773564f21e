import { oidcTokenCharactersMax } from '../../domain/limits';

const bearer = new RegExp(`^Bearer ([\\x21-\\x7e]{1,${oidcTokenCharactersMax}})$`, 'i');

/** The token that a request's `Authorization` carries; undefined where it carries none. */
export function bearerTokenOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : bearer.exec(authorization)?.[1];
}
