import { credentialsFor } from '../support/credentials';
import http from 'node:http';
import { ApiProblem, problemKinds } from '../../src/api/http/problem';
import type { ApiDependencies } from '../../src/api/dependencies';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { CommitOutcome, Decision } from '../../src/stores/etcd/commit';
import type { Committer } from '../../src/stores/etcd/committer';
import { CommitUncertainError } from '../../src/stores/etcd/errors';
import { definitions, instances, Objects } from './support/objects';
import type { ProblemBody } from './support/client';
import { TestApi } from './support/test-api';

/** What a commit does instead of what it should. */
let fault: ((decision: Decision, commit: () => Promise<CommitOutcome>) => Promise<CommitOutcome>) | undefined;

function faulty(dependencies: ApiDependencies): ApiDependencies {
  const commit = (decision: Decision): Promise<CommitOutcome> => {
    const real = () => dependencies.committer.commit(decision);
    return fault ? fault(decision, real) : real();
  };
  return { ...dependencies, committer: { commit } as unknown as Committer };
}

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start(undefined, faulty);
  await new Objects(api).definition();
});
beforeEach(() => {
  fault = undefined;
});
afterAll(() => api.stop());

const web = { definition: { name: 'web', version: '1.0.0' } };

test.each<[what: string, method: string, path: string, body: string | undefined, headers: Record<string, string>, code: keyof typeof problemKinds]>([
  ['malformed JSON', 'POST', instances, '{"definition":', {}, 'malformed_body'],
  ['JSON that is no object', 'POST', instances, '"text"', {}, 'invalid_request'],
  ['a list where an object should be', 'POST', instances, '[]', {}, 'invalid_request'],
  ['no body', 'POST', instances, undefined, {}, 'invalid_request'],
  ['a megabyte of junk', 'POST', instances, 'x'.repeat(1024 * 1024), {}, 'body_too_large'],
  ['a megabyte of junk as YAML', 'POST', definitions, 'x'.repeat(1024 * 1024), { 'content-type': 'application/yaml' }, 'body_too_large'],
  ['a definition within the bound of bodies, but not of documents', 'POST', definitions, JSON.stringify({ description: 'x'.repeat(300_000) }), {}, 'invalid_document'],
  ['malformed YAML', 'POST', definitions, 'a: [', { 'content-type': 'application/yaml' }, 'invalid_document'],
  ['YAML where JSON is meant', 'POST', instances, 'definition: {}', { 'content-type': 'application/yaml' }, 'unsupported_media_type'],
  ['a form', 'POST', instances, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 'unsupported_media_type'],
  ['an unknown character set', 'POST', instances, '{}', { 'content-type': 'application/json; charset=latin9' }, 'unsupported_media_type'],
  ['an unknown encoding', 'POST', instances, '{}', { 'content-encoding': 'rot13' }, 'unsupported_media_type'],
  ['an unknown path', 'GET', '/api/v1/nothing', undefined, {}, 'not_found'],
  ['an unknown path below a known one', 'GET', `${instances}/i-1/secrets`, undefined, {}, 'not_found'],
  ['a path that is no URL', 'GET', `${instances}/%zz`, undefined, {}, 'invalid_request'],
  ['a method that a path does not have', 'PUT', instances, '{}', {}, 'method_not_allowed'],
  ['an act by GET', 'GET', `${instances}/i-1/stop`, undefined, {}, 'method_not_allowed'],
])('%s is a problem document, and changes nothing', async (_what, method, path, body, headers, code) => {
  const before = await api.keys();
  const reply = await api.client.request<ProblemBody>(method, path, body, headers);
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(reply.status).toBe(problemKinds[code].status);
  expect(reply.body).toEqual(
    expect.objectContaining({
      type: `urn:berth:problem:${code}`,
      title: problemKinds[code].title,
      status: reply.status,
      detail: expect.any(String),
      code,
      retryable: false,
      requestId: reply.headers.get('x-request-id'),
    }),
  );
  expect(JSON.stringify(reply.body)).not.toMatch(/node_modules|\.ts:|\.js:|at \w+ \(/);
  expect(await api.keys()).toEqual(before);
});

test.each([
  ['a page of another site', { origin: 'https://example.org' }],
  ['a page of no site', { origin: 'null' }],
  ['a name that was given this address', { host: 'berth.example.org:8080' }],
])('what %s has a browser send comes without a token, is refused, and no page may read the answer', async (_what, headers) => {
  const { hostname, port } = new URL(api.url);
  const ask = (method: string, own: http.OutgoingHttpHeaders) => {
    const sent = { hostname, port, method, path: '/api/v1/admin/nudge-all', headers: { ...headers, ...own } };
    return new Promise<http.IncomingMessage>((resolve, reject) => http.request(sent, (reply) => resolve(reply.resume())).on('error', reject).end());
  };
  const replies = [await ask('POST', {}), await ask('OPTIONS', { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }), await ask('POST', credentialsFor(api.url))];
  expect(replies[0]!.statusCode).toBe(401);
  expect(replies[1]!.statusCode).toBeGreaterThanOrEqual(400);
  for (const { headers: answered } of replies) expect(Object.keys(answered).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('405 names the methods that there are', async () => {
  const reply = await api.client.request<ProblemBody>('DELETE', instances, undefined, {});
  expect(reply.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'POST']);
});

test('a request id that is given is kept, one that could break a log is not', async () => {
  const given = await api.client.get('/health', { 'x-request-id': 'abc-123' });
  expect(given.headers.get('x-request-id')).toBe('abc-123');
  const made = await api.client.get('/health', { 'x-request-id': 'a b' });
  expect(made.headers.get('x-request-id')).toMatch(/^request-/);
});

test('what the request says of itself is in the events: actor, request, key, correlation', async () => {
  const made = await api.client.post<InstanceDocument>(instances, web, { 'x-request-id': 'req-1', 'idempotency-key': 'key-1' });
  const events = await api.client.get<{ items: unknown[] }>(`${instances}/${made.body.id}/events?minRevision=${made.body.revision}`);
  expect(events.body.items).toMatchObject([{ actor: 'user:p-administrator', requestid: 'req-1', idempotencykey: 'key-1', correlationid: 'req-1' }]);
});

test('a commit of which nobody knows may be repeated with the same key, and happens once', async () => {
  fault = async (decision, commit) => {
    await commit(); // It happened; only the answer was lost.
    throw new CommitUncertainError(decision.id, new Error('deadline'));
  };
  const first = await api.client.post<ProblemBody>(instances, web);
  expect(first).toMatchObject({ status: 503, body: { code: 'commit_uncertain', retryable: true, dependency: 'etcd' } });
  fault = undefined;
  const key = first.headers.get('idempotency-key')!;
  const again = await api.client.post<InstanceDocument>(instances, web, { 'idempotency-key': key });
  expect(again.status).toBe(201);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  const records = (await api.dependencies.etcd.list('instances/')).entries.filter(({ key: name }) => name.endsWith('/spec'));
  expect(records.filter(({ value }) => (value as { cause: { idempotencyKey: string } }).cause.idempotencyKey === key)).toHaveLength(1);
});

test('a fault of ours says nothing about itself', async () => {
  fault = () => Promise.reject(new TypeError('secret detail at /srv/berth/code.ts'));
  const reply = await api.client.post<ProblemBody>(instances, web);
  expect(reply).toMatchObject({ status: 500, body: { code: 'internal_error', retryable: false } });
  expect(JSON.stringify(reply.body)).not.toContain('secret');
});

test('a body that is cut off is no fault of ours', async () => {
  const { port } = new URL(api.url);
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: instances, headers: { ...credentialsFor(api.url), 'content-type': 'application/json', 'content-length': '100' } });
  request.on('error', () => undefined);
  request.write('{');
  await new Promise((resolve) => setTimeout(resolve, 50));
  request.destroy();
  expect(await api.client.get('/health')).toMatchObject({ status: 200 });
});

test('each problem says whether the same request may succeed later', () => {
  const retryable = (Object.keys(problemKinds) as Array<keyof typeof problemKinds>).filter((code) => 'retryable' in problemKinds[code]);
  expect(retryable).toEqual(
    ['conflict', 'rate_limited', 'too_many_requests_in_flight', 'dependency_unavailable', 'commit_uncertain', 'newer_version', 'store_full', 'not_ready', 'too_many_readers', 'projection_timeout', 'wait_timeout'],
  );
  expect(new ApiProblem('conflict', 'x').status).toBe(409);
});
