/** Which token lets a test in at which server; every client of the tests looks here, so that no test has to hand one on. */
const tokens = new Map<string, string>();

/** Remembers the token of a server's administrator. */
export function rememberToken(url: string, token: string): void {
  tokens.set(url, token);
}

/** What a request to a server carries unless a test says otherwise. */
export function credentialsFor(url: string): { readonly authorization?: string } {
  const token = tokens.get(url);
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
