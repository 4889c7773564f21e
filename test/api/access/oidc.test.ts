import { createHmac, createPublicKey, generateKeyPairSync, sign as signWith } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { OidcRefusal, OidcVerifier } from '../../../src/api/access/oidc';
import { oidcClockSkewMs, oidcKeysFreshMs, oidcKeysStaleMsMax, oidcRefetchIntervalMs, oidcTokenCharactersMax } from '../../../src/domain/limits';
import { eventually } from '../../support/etcd';
import { OidcIssuer } from '../../support/oidc-issuer';

let issuer: OidcIssuer;
beforeAll(async () => {
  issuer = await OidcIssuer.start();
});
afterAll(() => issuer.stop());
beforeEach(() => issuer.become('right'));

/** A verifier whose clock a test turns; the caches go by it, the claims by the real one. */
function verifierOf(settings: { issuer?: string; jwksUri?: string } = {}) {
  const clock = { nowMs: 0 };
  const problems: unknown[] = [];
  const verifier = new OidcVerifier({ issuer: issuer.url, audience: 'berth', ...settings }, { onProblem: (_problem, cause) => problems.push(cause), now: () => clock.nowMs });
  return { verifier, problems, pass: (ms: number) => (clock.nowMs += ms) };
}

const seconds = () => Math.floor(Date.now() / 1000);
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = () => ({ iss: issuer.url, aud: 'berth', sub: 'mia', iat: seconds(), exp: seconds() + 300 });

test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('a token under %s says who it is, and until when', async (algorithm) => {
  const exp = seconds() + 120;
  const verified = await verifierOf().verifier.verify(await issuer.sign({ exp }, { algorithm }));
  expect(verified).toEqual({ issuer: issuer.url, subject: 'mia', expiresAt: new Date(exp * 1000 + oidcClockSkewMs).toISOString() });
});

const withClaims: ReadonlyArray<readonly [string, () => Record<string, unknown>]> = [
  ['has expired', () => ({ exp: seconds() - 31 })],
  ['is not good yet', () => ({ nbf: seconds() + 90 })],
  ['was issued in the future', () => ({ iat: seconds() + 90 })],
  ['was made for somebody else', () => ({ aud: 'another' })],
  ['was made by somebody else', () => ({ iss: 'https://other.example' })],
  ['was made for nobody', () => ({ aud: undefined })],
  ['is of nobody', () => ({ sub: undefined })],
  ['is of somebody without a name', () => ({ sub: '' })],
  ['is of what is no name', () => ({ sub: 7 })],
  ['is of too long a name', () => ({ sub: 'x'.repeat(256) })],
  ['never ends', () => ({ exp: undefined })],
  ['ends at what is no time', () => ({ exp: 'tomorrow' })],
  ['is too long', () => ({ more: 'x'.repeat(oidcTokenCharactersMax) })],
];

test.each(withClaims)('a token that %s is refused', async (_what, differences) => {
  const { verifier } = verifierOf();
  const token = await issuer.sign(differences());
  await expect(verifier.verify(token)).rejects.toThrow(OidcRefusal);
  await expect(verifier.verify(await issuer.sign())).resolves.toMatchObject({ subject: 'mia' });
});

test('clocks may be half a minute apart', async () => {
  const token = await issuer.sign({ exp: seconds() - 15, nbf: seconds() + 15, iat: seconds() + 15 });
  await expect(verifierOf().verifier.verify(token)).resolves.toMatchObject({ subject: 'mia' });
});

/** Tokens that somebody made who has not the issuer's key. */
const forged: ReadonlyArray<readonly [string, () => Promise<string>]> = [
  ['nobody signed', async () => `${encoded({ alg: 'none' })}.${encoded(claims())}.`],
  ['nobody signed, in other letters', async () => `${encoded({ alg: 'NonE', kid: 'RS256-1' })}.${encoded(claims())}.`],
  ['is signed with the public key as if it were a secret one, as text', async () => hmac(pemOf(await publicKey('RS256')))],
  ['is signed with the public key as if it were a secret one, as bytes', async () => hmac(createPublicKey({ key: await publicKey('RS256'), format: 'jwk' }).export({ type: 'spki', format: 'der' }))],
  ['is signed with the public key as if it were a secret one, as JSON', async () => hmac(JSON.stringify(await publicKey('RS256')))],
  ['brings its own key', async () => own({ jwk: ownKeys.publicKey.export({ format: 'jwk' }) })],
  ['says where its own key is', async () => own({ jku: `${issuer.url}/keys`, x5u: `${issuer.url}/keys` })],
  ['is signed with a key of nobody', async () => own({ kid: 'RS256-1' })],
  ['names another algorithm than its key is for', async () => (await issuer.sign({}, { header: { kid: 'ES256-1' } }))],
  ['asks for what nobody understands', async () => (await issuer.sign({}, { header: { crit: ['exp'], exp: 3 } }).catch(() => own({ crit: ['exp'] })))],
  ['is made to log out with', () => issuer.sign({}, { header: { typ: 'logout+jwt' } })],
  ['was cut', async () => (await issuer.sign()).slice(0, -10)],
  ['lost its signature', async () => (await issuer.sign()).split('.').slice(0, 2).join('.')],
  ['lost its head', async () => (await issuer.sign()).split('.').slice(1).join('.')],
  ['says more than was signed', async () => (await issuer.sign()).replace(/\.[^.]+\./, `.${encoded({ ...claims(), sub: 'administrator' })}.`)],
  ['is no token', async () => 'a.b.c'],
  ['is encrypted for somebody', async () => `${encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`],
];

const ownKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });

function own(header: Record<string, unknown>): string {
  const signed = `${encoded({ alg: 'RS256', ...header })}.${encoded(claims())}`;
  return `${signed}.${signWith('sha256', Buffer.from(signed), ownKeys.privateKey).toString('base64url')}`;
}

function hmac(secret: string | Buffer): string {
  const signed = `${encoded({ alg: 'HS256', kid: 'RS256-1' })}.${encoded(claims())}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function pemOf(key: JsonWebKey): string {
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
}

async function publicKey(algorithm: string): Promise<JsonWebKey> {
  return (await issuer.publicKeys()).find(({ alg }) => alg === algorithm) as JsonWebKey;
}

test.each(forged)('a token that %s is refused', async (_what, forge) => {
  const { verifier } = verifierOf();
  await verifier.verify(await issuer.sign());
  await expect(verifier.verify(await forge())).rejects.toThrow(OidcRefusal);
});

test('a new key of the issuer is learned, by one question for all who bring tokens under it', async () => {
  const { verifier, pass } = verifierOf();
  await verifier.verify(await issuer.sign());
  const before = await issuer.fetches();
  await issuer.rotate();
  const token = await issuer.sign();
  await expect(verifier.verify(token)).rejects.toThrow(OidcRefusal);
  expect(await issuer.fetches()).toBe(before);
  pass(oidcRefetchIntervalMs);
  await expect(Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)))).resolves.toHaveLength(20);
  expect(await issuer.fetches()).toBe(before + 1);
  for (let count = 0; count < 5; count += 1) await expect(verifier.verify(own({ kid: `made-up-${count}` }))).rejects.toThrow(OidcRefusal);
  expect(await issuer.fetches()).toBe(before + 1);
});

test('a key that the issuer withdrew is good until its keys are asked for again', async () => {
  const { verifier, pass } = verifierOf();
  const token = await issuer.sign();
  await verifier.verify(token);
  await issuer.rotate();
  await expect(verifier.verify(token)).resolves.toBeDefined();
  pass(oidcKeysFreshMs + 1);
  await eventually('the new keys', async () => await verifier.verify(token).then(() => false, (error: unknown) => error instanceof OidcRefusal));
});

test('while the issuer hangs, its keys do for a time, and no longer', async () => {
  const { verifier, pass, problems } = verifierOf();
  const token = await issuer.sign();
  await verifier.verify(token);
  await issuer.become('hang');
  pass(oidcKeysFreshMs + 1);
  await expect(verifier.verify(token)).resolves.toBeDefined();
  // A key that nobody could learn is not one that does not exist.
  pass(oidcRefetchIntervalMs);
  await expect(verifier.verify(own({ kid: 'perhaps-new' }))).rejects.toMatchObject({ code: 'dependency_unavailable', options: { members: { dependency: 'oidc' } } });
  pass(oidcKeysStaleMsMax);
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'dependency_unavailable' });
  expect(problems.length).toBeGreaterThan(0);
  await issuer.become('right');
  pass(oidcRefetchIntervalMs);
  await expect(verifier.verify(token)).resolves.toBeDefined();
});

test.each(['html', 'huge', 'symmetric', 'missing', 'broken', 'no-set', 'null', 'elsewhere', 'other-issuer', 'unsafe-keys', 'hang'])('an issuer whose keys are %s is one that cannot be asked', async (mode) => {
  const { verifier, pass } = verifierOf();
  const token = await issuer.sign();
  await issuer.become(mode);
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'dependency_unavailable', options: { members: { dependency: 'oidc' } } });
  await issuer.become('right');
  pass(oidcRefetchIntervalMs);
  await expect(verifier.verify(token)).resolves.toMatchObject({ subject: 'mia' });
});

test('keys that are none let nobody in', async () => {
  await issuer.become('garbage');
  await expect(verifierOf().verifier.verify(await issuer.sign())).rejects.toThrow(OidcRefusal);
});

test('where the keys are may be said', async () => {
  await issuer.become('other-issuer');
  await expect(verifierOf({ jwksUri: `${issuer.url}/keys` }).verifier.verify(await issuer.sign())).resolves.toBeDefined();
});
