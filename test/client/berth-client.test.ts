import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BerthClient } from '../../src/client/berth-client';
import { ConnectionError, CursorGoneError, ProblemError } from '../../src/client/problem-error';
import type { CloudEvent } from '../../src/domain/events';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import { eventually } from '../support/etcd';
import { TcpProxy } from '../support/tcp-proxy';
import { instances, Objects } from '../api/support/objects';
import { TestApi } from '../api/support/test-api';

let api: TestApi;
let client: BerthClient;
beforeAll(async () => {
  api = await TestApi.start();
  client = new BerthClient({ url: api.url, token: api.token });
  const objects = new Objects(api);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

const wanted = { definition: { name: 'web', version: '1.0.0' } };

function createInstance(on = client): Promise<InstanceDocument> {
  return on.request<InstanceDocument>('POST', instances, { body: wanted });
}

async function thrown(doing: Promise<unknown>): Promise<unknown> {
  return doing.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A server that answers as a test says; answers with what it was asked. */
async function fakeServer(answer: (request: IncomingMessage, response: ServerResponse, nth: number) => void) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    requests,
    client: new BerthClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function problem(response: ServerResponse, status: number, code: string, retryable: boolean): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ status, code, retryable, detail: 'so', requestId: 'r-1' }));
}

test('a problem is an error with its code, and with all that the server says of it', async () => {
  const error = await thrown(client.get(`${instances}/i-none`));
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ code: 'instance_not_found', status: 404, retryable: false, requestId: expect.stringMatching(/^request-/) });
});

test('a list is all of it, page by page', async () => {
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await createInstance()).id);
  const listed: string[] = [];
  for await (const { id } of client.list<InstanceDocument>(instances, { limit: 2, minRevision: await api.dependencies.etcd.revision() })) listed.push(id);
  expect(listed).toEqual(expect.arrayContaining(made));
  expect(new Set(listed).size).toBe(listed.length);
});

test('a request is tried again if that is asked for and may help, each time under the same key', async () => {
  const server = await fakeServer((_request, response, nth) => {
    if (nth === 1) problem(response, 503, 'dependency_unavailable', true);
    else if (nth === 2) response.destroy();
    else response.end('{"id":"i-1"}');
  });
  await expect(server.client.request('POST', instances, { body: {}, retriesMax: 3 })).resolves.toEqual({ id: 'i-1' });
  const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  server.close();
});

test('nothing is tried again unasked, nor what would be refused again', async () => {
  const server = await fakeServer((request, response) => problem(response, request.method === 'GET' ? 503 : 409, 'some_code', request.method === 'GET'));
  expect(await thrown(server.client.get(instances))).toMatchObject({ code: 'some_code', retryable: true, requestId: 'r-1' });
  expect(await thrown(server.client.request('POST', instances, { retriesMax: 5 }))).toMatchObject({ status: 409 });
  expect(server.requests).toHaveLength(2);
  server.close();
  expect(await thrown(server.client.get(instances))).toBeInstanceOf(ConnectionError);
});

test('a request that is not answered in time is given up', async () => {
  const server = await fakeServer(() => undefined);
  expect(await thrown(server.client.get(instances, {}, { timeoutMs: 100 }))).toBeInstanceOf(ConnectionError);
  server.close();
});

describe('reading events', () => {
  test.each(['stream', 'poll'] as const)('by %s: from a list on, only what was asked for, until the reader has enough', async (by) => {
    const { revision } = await client.get<{ revision: string }>(instances, { minRevision: await api.dependencies.etcd.revision() });
    const reader = client.events({ kind: ['Instance'], type: ['berth.instance.created'] }, { by, from: { revision } });
    const created = [(await createInstance()).id, (await createInstance()).id];
    const heard: string[] = [];
    for await (const { subject } of reader) {
      heard.push(subject);
      if (heard.length === 2) break;
    }
    expect(heard).toEqual(created);
    expect(reader.cursor).toBeDefined();
  });

  test('goes on where it was over a line that breaks again and again', async () => {
    const proxy = await TcpProxy.to(api.url);
    const { nextCursor: cursor } = await client.get<{ nextCursor: string }>('/api/v1/events', { minRevision: await api.dependencies.etcd.revision() });
    const leaving = new AbortController();
    const heard: CloudEvent[] = [];
    const problems: unknown[] = [];
    const reading = (async () => {
      const options = { from: { cursor }, signal: leaving.signal, by: 'stream' as const, onProblem: (problem: unknown) => problems.push(problem) };
      for await (const event of new BerthClient({ url: proxy.url, token: api.token }).events({}, options)) heard.push(event);
    })();
    const made: string[] = [];
    for (let n = 0; n < 10; n++) {
      made.push((await createInstance()).id);
      proxy.breakConnections();
      if (n % 3 === 0) await eventually('it is heard', () => heard.length === made.length);
    }
    await eventually('all are heard', () => heard.length >= 10);
    leaving.abort();
    await reading;
    expect(heard.map(({ subject }) => subject)).toEqual(made);
    expect(problems.length).toBeGreaterThan(0);
    await proxy.close();
  });

  test('what the reader broke off at is told again', async () => {
    const { nextCursor: cursor } = await client.get<{ nextCursor: string }>('/api/v1/events', { minRevision: await api.dependencies.etcd.revision() });
    const { id } = await createInstance();
    const reader = client.events({}, { from: { cursor } });
    for (let round = 0; round < 2; round++) {
      for await (const event of reader) {
        expect(event.subject).toBe(id);
        break;
      }
    }
  });

  test('a cursor that is gone is an error that says where to go on', async () => {
    const reader = client.events({}, { from: { cursor: '0001-0000000000000000001-0007' } });
    const error = await thrown(reader[Symbol.asyncIterator]().next());
    expect(error).toBeInstanceOf(CursorGoneError);
    expect(error).toMatchObject({ code: 'cursor_gone', status: 410, revision: expect.stringMatching(/^\d+$/), relist: expect.arrayContaining([expect.stringContaining('/api/v1/instances')]) });
  });

  test('a stream that is silent is cut, and where streams tell nothing the client polls', async () => {
    const event = { id: '0001-0000000000000000007-0000', subject: 'i-1' };
    const server = await fakeServer((request, response) => {
      if (request.headers.accept === 'text/event-stream') response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      else response.end(JSON.stringify({ items: [event], nextCursor: event.id, more: false, revision: '7' }));
    });
    for await (const heard of server.client.events({ label: [['a', 'b=c']] }, { silenceMsMax: 100 })) {
      expect(heard).toEqual(event);
      break;
    }
    expect(server.requests.map(({ headers }) => headers.accept)).toEqual(['text/event-stream', 'text/event-stream', 'application/json']);
    expect(new URL(server.requests[2]!.url!, 'http://x').searchParams.getAll('label')).toEqual(['a=b=c']);
    server.close();
  });
});
