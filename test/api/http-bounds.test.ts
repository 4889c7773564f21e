import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import express from 'express';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import { problemKinds } from '../../src/api/http/problem';
import { boundServer, cutSlowReaders } from '../../src/api/http/server-bounds';
import { jsonDepthMax, requestHeadersBytesMax, requestHeadersMax } from '../../src/domain/limits';
import { RawConnection, sendRaw } from '../support/raw-http';
import type { ProblemBody } from './support/client';
import { instances, Objects } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let instance: InstanceDocument;
beforeAll(async () => {
  api = await TestApi.start(undefined, (dependencies) => ({ ...dependencies, serverBounds: { headersTimeoutMs: 300, requestTimeoutMs: 600, checkIntervalMs: 50 } }));
  const objects = new Objects(api);
  await objects.definition();
  instance = await objects.instance();
});
afterAll(() => api.stop());

/** A request as text; the server closes after it. */
function post(body: string, ...headers: readonly string[]): string {
  return [`POST ${instances} HTTP/1.1`, ...headers, 'Connection: close', '', body].join('\r\n');
}

/** Where a request is to be read to its end, it says who asks. */
const authorization = () => `Authorization: Bearer ${api.token}`;

const host = 'Host: localhost';
const json = 'Content-Type: application/json';
const valid = '{"definition":{"name":"web","version":"1.0.0"}}';
const length = `Content-Length: ${valid.length}`;

test.each<[what: string, request: string | (() => string), code: keyof typeof problemKinds]>([
  ['two credentials', post(valid, host, json, length, 'Authorization: Bearer a', 'authorization: Bearer b'), 'invalid_request'],
  ['two idempotency keys', post(valid, host, json, length, 'Idempotency-Key: a', 'Idempotency-Key: b'), 'invalid_request'],
  ['the same idempotency key twice', post(valid, host, json, length, 'Idempotency-Key: a', 'Idempotency-Key: a'), 'invalid_request'],
  ['two types of body', post(valid, host, json, json, length), 'invalid_request'],
  ['two conditions', post(valid, host, json, length, 'If-Match: "1"', 'If-Match: "2"'), 'invalid_request'],
  ['two hosts', post(valid, host, 'Host: example.org', json, length), 'invalid_request'],
  ['no host', post(valid, json, length), 'invalid_request'],
  ['two lengths', post(valid, host, json, length, 'Content-Length: 1'), 'invalid_request'],
  ['a length that is none', post(valid, host, json, 'Content-Length: -1'), 'invalid_request'],
  ['a length beside chunks', post(`2f\r\n${valid}\r\n0\r\n\r\n`, host, json, length, 'Transfer-Encoding: chunked'), 'invalid_request'],
  ['chunks that are none', () => post('xyz\r\n', host, json, authorization(), 'Transfer-Encoding: chunked'), 'invalid_request'],
  ['a header that is none', post(valid, host, json, length, 'what is this'), 'invalid_request'],
  ['something else than HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 'invalid_request'],
  ['one header that is too large', post(valid, host, json, length, `X-Large: ${'x'.repeat(requestHeadersBytesMax)}`), 'headers_too_large'],
  ['a path that is too large', `GET /${'x'.repeat(requestHeadersBytesMax)} HTTP/1.1\r\n${host}\r\n\r\n`, 'headers_too_large'],
  ['too many headers', post(valid, host, json, length, ...Array.from({ length: requestHeadersMax }, (_, index) => `X-${index}: x`)), 'headers_too_large'],
])('a request with %s is a problem document, and changes nothing', async (_what, request, code) => {
  const before = await api.keys();
  const reply = await sendRaw(api.url, typeof request === 'string' ? request : request());
  expect(reply.status).toBe(problemKinds[code].status);
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(reply.body)).toMatchObject({ type: `urn:berth:problem:${code}`, code, status: reply.status, requestId: reply.headers['x-request-id'] });
  expect(await api.keys()).toEqual(before);
});

test.each([
  ['POST', '/api/internal/v1/workers/w-1/heartbeat', 401],
  ['POST', '/api/internal/v1/nothing', 401],
  ['POST', instances, 401],
  ['GET', '/health', 200],
  ['POST', '/health', 405],
  ['POST', '/docs', 404],
])('%s %s of a stranger is answered before anything of its body is there', async (method, path, status) => {
  const request = [`${method} ${path} HTTP/1.1`, host, json, 'Content-Length: 500000', 'Connection: close', '', '{'].join('\r\n');
  expect(await sendRaw(api.url, request)).toMatchObject({ status });
});

test('as many headers as are allowed are read', async () => {
  const others = Array.from({ length: requestHeadersMax - 5 }, (_, index) => `X-${index}: x`);
  expect(await sendRaw(api.url, post(valid, host, json, length, authorization(), ...others))).toMatchObject({ status: 201 });
});

const nested = (levels: number) => `{"labels":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;

test.each<[what: string, method: string, path: () => string, body: string | Buffer, code: keyof typeof problemKinds, detail: string]>([
  ['__proto__ as a label', 'PATCH', () => `${instances}/${instance.id}`, '{"labels":{"__proto__":"x"}}', 'malformed_body', '__proto__'],
  ['__proto__ at the top', 'PATCH', () => `${instances}/${instance.id}`, '{"__proto__":{"paused":true}}', 'malformed_body', '__proto__'],
  ['__proto__ in disguise', 'POST', () => instances, '{"\\u005f_proto__":{},"definition":{"name":"web","version":"1.0.0"}}', 'malformed_body', '__proto__'],
  ['__proto__ where no body is taken', 'POST', () => `${instances}/${instance.id}/stop`, '{"__proto__":{}}', 'malformed_body', '__proto__'],
  ['a constructor', 'POST', () => instances, '{"constructor":{"prototype":{"x":1}}}', 'invalid_request', 'constructor'],
  ['a key that is there twice', 'PATCH', () => `${instances}/${instance.id}`, '{"paused":false,"paused":true}', 'malformed_body', '"paused" twice'],
  ['null instead of a patch', 'PATCH', () => `${instances}/${instance.id}`, 'null', 'invalid_request', 'expected an object, found null'],
  ['a number where no body is taken', 'POST', () => `${instances}/${instance.id}/stop`, '1', 'invalid_request', 'expected an object'],
  ['a list where no body is taken', 'POST', () => `${instances}/${instance.id}/stop`, '[1]', 'invalid_request', 'takes no body'],
  ['nesting beyond the bound', 'POST', () => instances, nested(jsonDepthMax), 'malformed_body', 'nested'],
  ['nesting within the bound', 'POST', () => instances, nested(jsonDepthMax - 1), 'invalid_request', 'labels'],
  ['nesting without end', 'POST', () => instances, '['.repeat(500_000), 'malformed_body', 'nested'],
  ['more values than anybody means', 'POST', () => instances, `{"a":[${'0,'.repeat(100_000)}0]}`, 'malformed_body', 'values'],
  ['many unknown fields', 'POST', () => instances, `{${Array.from({ length: 30_000 }, (_, index) => `"f${index}":0`).join(',')}}`, 'invalid_request', 'f0'],
  ['bytes that are no characters', 'PATCH', () => `${instances}/${instance.id}`, Buffer.from('{"labels":{"a":"\xff"}}', 'latin1'), 'malformed_body', 'UTF-8'],
])('a body with %s is refused, and changes nothing', async (_what, method, path, body, code, detail) => {
  const before = await api.keys();
  const response = await fetch(api.url + path(), { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${api.token}` }, body });
  const problem = (await response.json()) as ProblemBody;
  expect({ status: response.status, code: problem.code, detail: problem.detail }).toEqual({ status: problemKinds[code].status, code, detail: expect.stringContaining(detail) });
  expect(await api.keys()).toEqual(before);
  expect(({} as Record<string, unknown>)['paused']).toBeUndefined();
});

test('names that only look dangerous are names: a label may be called constructor', async () => {
  const reply = await api.client.patch<InstanceDocument>(`${instances}/${instance.id}`, { labels: { constructor: 'x', prototype: 'y', tostring: 'z' } });
  expect(reply).toMatchObject({ status: 200, body: { labels: { constructor: 'x', prototype: 'y', tostring: 'z' } } });
  const filtered = await api.client.get<{ items: unknown[] }>(`${instances}?label=constructor%3Dx&minRevision=${reply.body.revision}`);
  expect(filtered.body.items).toHaveLength(1);
});

test.each(['__proto__', 'constructor', '__proto__[paused]'])('a query that names %s is refused', async (name) => {
  expect(await api.client.get<ProblemBody>(`${instances}?${name}=x`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

test.each<[what: string, begun: () => string, piece: string]>([
  ['headers', () => `POST ${instances} HTTP/1.1\r\n${host}\r\n`, 'X-More: x\r\n'],
  ['a body', () => `POST ${instances} HTTP/1.1\r\n${host}\r\n${authorization()}\r\n${json}\r\nContent-Length: 100000\r\n\r\n{`, ' '],
  ['chunks', () => `POST ${instances} HTTP/1.1\r\n${host}\r\n${authorization()}\r\n${json}\r\nTransfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
])('who sends %s bit by bit is answered that his time is over', async (_what, begun, piece) => {
  const before = await api.keys();
  const connection = await RawConnection.to(api.url);
  connection.send(begun());
  const dripping = setInterval(() => connection.send(piece), 20);
  const reply = await connection.reply();
  clearInterval(dripping);
  expect(reply.status).toBe(408);
  expect(JSON.parse(reply.body)).toMatchObject({ code: 'request_timeout', requestId: reply.headers['x-request-id'] });
  expect(await api.keys()).toEqual(before);
});

describe('a server of large answers', () => {
  let server: Server;
  beforeEach(async () => {
    const app = express();
    app.use(cutSlowReaders({ drainMsMax: 4_000 }), (_request, response) => void response.send(Buffer.alloc(16 * 1024 * 1024)));
    server = createServer(app);
    boundServer(server, { connectionsMax: 3 });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connections = () => new Promise<number>((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
  const until = async (count: number) => {
    for (let tries = 0; (await connections()) !== count; tries++) {
      if (tries > 1_000) throw new Error(`there are still ${await connections()} connections`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  test('lets go of who asks and does not read, and serves who does', async () => {
    const slow = await RawConnection.to(url());
    slow.socket.pause();
    slow.send(`GET / HTTP/1.1\r\n${host}\r\n\r\n`);
    await until(1);
    await until(0);
    const { byteLength } = await (await fetch(url(), { headers: { connection: 'close' } })).arrayBuffer();
    expect(byteLength).toBe(16 * 1024 * 1024);
    slow.close();
  });

  test('takes no more connections than its bound', async () => {
    const held = await Promise.all([1, 2, 3].map(() => RawConnection.to(url())));
    const beyond = await RawConnection.to(url());
    await beyond.closed;
    expect(await connections()).toBe(3);
    held.forEach((connection) => connection.close());
  });
});
