import { holdsCredential, redact, redactError } from '../../src/domain/redaction';

const secret = 'q8Zr-Yt0_1kVw3XbN5mC7pLd9sFgHj2KaE4uRiToPzM';
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9mLWFkYQ';

describe('a text is told without', () => {
  it.each([
    ['a token', `no token berth_token-0mf3k2l9x04f9_${secret} is known`, 'no token berth_token-0mf3k2l9x04f9_[redacted] is known'],
    ['a token whose id is made up', `berth_nobody_${secret}`, 'berth_nobody_[redacted]'],
    ['the rest of a token that was cut', `berth_t-1_${secret.slice(0, 12)}`, 'berth_t-1_[redacted]'],
    ['a JSON Web Token', `the token ${jwt} has expired`, 'the token [redacted] has expired'],
    ['one that is signed by nobody', `${jwt.split('.').slice(0, 2).join('.')}.`, '[redacted]'],
    ['a header', `Authorization: Bearer ${secret}`, 'Authorization: [redacted]'],
    ['a header in JSON', `{"authorization":"Bearer ${secret}","accept":"*/*"}`, '{"authorization":"Bearer [redacted]","accept":"*/*"}'],
    ['what a scheme brings', `basic dXNlcjpwYXNzd29yZA==`, 'basic [redacted]'],
    ['cookies', 'Set-Cookie: session=abc; Path=/', 'Set-Cookie: [redacted]'],
    ['the password of MongoDB', 'cannot reach mongodb://berth:s3cr%40t@127.0.0.1:27017,other:27017/berth?x=1', 'cannot reach mongodb://berth:[redacted]@127.0.0.1:27017,other:27017/berth?x=1'],
    ['a password that holds an @', 'http://root:p@ss@etcd:2379', 'http://root:[redacted]@etcd:2379'],
    ['a password without a user', 'redis://:hunter22@cache', 'redis://:[redacted]@cache'],
    ['a password in an address as gRPC has it', 'failed for target dns:root:hunter22@127.0.0.1:9', 'failed for target dns:root:[redacted]@127.0.0.1:9'],
    ['a parameter', 'GET /api/v1/events?token=abc123&kind=Instance', 'GET /api/v1/events?token=[redacted]&kind=Instance'],
  ])('%s', (_what, text, told) => {
    expect(redact(text)).toBe(told);
    expect(redact(told)).toBe(told);
  });

  it('and stays the JSON that it was', () => {
    const line = JSON.stringify({ msg: `say "Authorization: Bearer ${secret}"`, uri: `mongodb://a:${secret}@b/`, cookie: `Cookie: a="${secret}"` });
    expect(JSON.stringify(JSON.parse(redact(line)))).not.toContain(secret.slice(0, 10));
  });
});

describe('a text stays as it is where there is', () => {
  it.each([
    ['prose', 'the bearer of this token is not known; basic things work'],
    ['the name of a metric', 'berth_store_operation_duration_seconds_bucket berth_watch_cache_comparisons_total'],
    ['an address', 'http://127.0.0.1:8080/api/v1/instances?label=a=b mongodb://127.0.0.1:27017/berth https://user@host/'],
    ['an id', 'i-0mf3k2l9x04f9a1b2c3d4e5f6a7b'],
  ])('%s', (_what, text) => {
    expect(redact(text)).toBe(text);
    expect(holdsCredential(text)).toBe(false);
  });
});

it('a long text that is made to be slow is not', () => {
  const pieces = ['eyJ-', 'eyJa.', 'berth_', 'berth_a1_', 'Bearer ', 'cookie', 'a://b:', 'dns:', 'dns:a:', '?token=', 'a://', '://:@'];
  for (const piece of pieces) {
    const text = piece.repeat(1_000_000 / piece.length);
    // Quadratic would be minutes, and the end of this test's time.
    expect(redact(text).length).toBeGreaterThan(0);
  }
});

it('an error loses credentials with all its causes, and stays what it is', () => {
  const cause = new TypeError(`connect mongodb://berth:${secret}@db`);
  const error = new RangeError(`failed with Bearer ${secret}`, { cause });
  cause.cause = error;
  expect(redactError(error)).toBe(error);
  expect(`${error.message} ${error.stack} ${cause.message} ${cause.stack}`).not.toContain(secret);
  expect(redactError('no error')).toBe('no error');
});
