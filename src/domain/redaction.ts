/** What stands where a credential stood. */
export const redacted = '[redacted]';

/**
 * Credentials as they look wherever they turn up: in the text of an error, in an address, in a header that was told of.
 * Each is found in time linear in the text, since clients choose texts. What they take away holds a quote of JSON only together with its backslash, so that JSON stays JSON.
 */
const credentials: ReadonlyArray<readonly [RegExp, string]> = [
  // Tokens of Berth; their id is no secret and says whose it was. Names of metrics begin in the same way, and are shorter or have no digit.
  [/\bberth_((?=[A-Za-z-]{0,63}\d)[A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{8,}/g, `berth_$1_${redacted}`],
  [/\bberth_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{40,}/g, `berth_$1_${redacted}`],
  // JSON Web Tokens: their first part is JSON that begins with an object.
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*/g, redacted],
  [/\b(Bearer|Basic|Digest|Negotiate)(\s{1,8})[A-Za-z0-9._~+/=-]{8,}/gi, `$1$2${redacted}`],
  // Headers as text.
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(\s{0,8}[:=]\s{0,8})(?:[^\\"'\r\n]|\\["'])+/gi, `$1$2${redacted}`],
  // Passwords in addresses, which may hold an @ themselves.
  [/\b([a-z][a-z0-9+.-]{1,30}:\/\/[^\s/?#@:"'\\]*):[^\s/?#"'\\]*@/gi, `$1:${redacted}@`],
  // As gRPC tells of an address that it cannot resolve.
  [/\b(dns:\/{0,3}[^\s/?#@:"'\\]{0,100}):[^\s/?#"'\\]{0,200}@/gi, `$1:${redacted}@`],
  // Parameters of a query.
  [/([?&](?:access_token|id_token|refresh_token|token|api_?key|password|passwd|secret|client_secret)=)[^&\s#"'\\]+/gi, `$1${redacted}`],
];

/** A text without the credentials that are in it. What users name their own things by, such as labels, is not looked at. */
export function redact(text: string): string {
  return credentials.reduce((told, [pattern, replacement]) => told.replace(pattern, replacement), text);
}

/** Whether something that a client may choose freely is, or holds, a credential. */
export function holdsCredential(text: string): boolean {
  return redact(text) !== text;
}

/** Takes credentials out of an error and out of what caused it, before it leaves the process; it stays the error that it was. */
export function redactError(error: unknown): unknown {
  const seen = new Set<unknown>();
  for (let each = error; each instanceof Error && !seen.has(each) && !Object.isFrozen(each); each = each.cause) {
    seen.add(each);
    const { stack } = each;
    each.message = redact(each.message);
    if (stack !== undefined) each.stack = redact(stack);
  }
  return error;
}
