import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/**
 * An issuer of OIDC tokens in a process of its own, with keys of its own. `POST /control/…` makes it sign, take other
 * keys, and answer as no issuer should. It says its address on its first line.
 */
interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly secret: CryptoKey;
  readonly shown: JWK;
}

const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
let keys: SigningKey[] = [];
let generation = 0;
let mode = 'right';
let fetches = 0;

async function rotate(): Promise<void> {
  generation += 1;
  keys = await Promise.all(
    algorithms.map(async (algorithm) => {
      const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
      const kid = `${algorithm}-${generation}`;
      return { kid, algorithm, secret: privateKey, shown: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } };
    }),
  );
}

async function sign({ algorithm = 'RS256', claims = {}, header = {} }: { algorithm?: string; claims?: Record<string, unknown>; header?: Record<string, unknown> }): Promise<string> {
  const key = keys.find((each) => each.algorithm === algorithm)!;
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: key.kid, ...header }).sign(key.secret);
}

/** What is answered where the keys should be. */
function lie(response: ServerResponse): void {
  const json = (body: unknown) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  switch (mode) {
    case 'html':
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in, please</html>');
    case 'huge':
      return void response.writeHead(200).end(`{"keys":[${Array.from({ length: 20_000 }, () => '{"kty":"RSA"}').join(',')}]}`);
    case 'symmetric':
      return void json({ keys: [{ kty: 'oct', k: Buffer.from('known to all').toString('base64url'), kid: 'RS256-1', alg: 'HS256' }] });
    case 'missing':
      return void response.writeHead(404).end();
    case 'broken':
      return void response.writeHead(500).end();
    case 'no-set':
      return void json({ keys: 'none' });
    case 'null':
      return void json(null);
    case 'garbage':
      return void json({ keys: [null, 3, 'x', { kty: 'RSA', kid: 'RS256-1', alg: 'RS256', n: 'x', e: 'y' }] });
    case 'elsewhere':
      return void response.writeHead(302, { location: '/keys-of-another' }).end();
    case 'hang':
      return; // Until the client gives up.
    default:
      return void json({ keys: keys.map(({ shown }) => shown) });
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
  const issuer = `http://${request.headers.host}`;
  switch (request.url) {
    case '/.well-known/openid-configuration':
      return void response.end(JSON.stringify({ issuer: mode === 'other-issuer' ? 'https://other.example' : issuer, jwks_uri: mode === 'unsafe-keys' ? 'http://keys.example/keys' : `${issuer}/keys` }));
    case '/keys':
      fetches += 1;
      return lie(response);
    case '/control/sign':
      return void response.end(await sign(body));
    case '/control/keys':
      return void response.end(JSON.stringify(keys.map(({ shown }) => shown)));
    case '/control/rotate':
      await rotate();
      return void response.end();
    case '/control/mode':
      mode = String(body['mode']);
      return void response.end();
    case '/control/fetches':
      return void response.end(String(fetches));
    default:
      return void response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
void rotate().then(() => {
  server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`));
});
// Whoever started it has gone.
process.stdin.resume().on('end', () => process.exit());
