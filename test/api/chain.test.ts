import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { bodyReader } from '../../src/api/http/body';
import { chained } from '../../src/api/http/chain';
import { identify } from '../../src/api/http/context';
import type { Caller } from '../../src/domain/principal';

let server: Server | undefined;
afterEach(() => server?.close());

/** What a server answers whose middleware it is; the errors that come to its end are answered with 500. */
async function answers(...middleware: readonly RequestHandler[]) {
  const errors: unknown[] = [];
  const app = express();
  app.use(...middleware);
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    errors.push(error);
    if (!response.headersSent) response.status(500).end();
  });
  server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server!.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const post = () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } });
  return { statuses: [(await post()).status, (await post()).status], errors };
}

const later: RequestHandler = (_request, _response, next) => void Promise.resolve().then(() => next());
const failure = new Error('not foreseen');
const throwing: RequestHandler = () => {
  throw failure;
};
const asSomebody: RequestHandler = (request, _response, next) => {
  identify(request, { id: 'p-1' } as Caller);
  next();
};

test.each<[what: string, middleware: readonly RequestHandler[]]>([
  ['at once', [chained(throwing)]],
  ['after one that answered later', [chained(later, throwing)]],
  ['behind those that answered later', [chained(later), throwing]],
  ['behind a body that was read', [chained(later, asSomebody, bodyReader, throwing)]],
])('what is thrown %s is answered as an error, once, and ends no server', async (_what, middleware) => {
  expect(await answers(...middleware)).toEqual({ statuses: [500, 500], errors: [failure, failure] });
});

test('what follows a middleware that throws after it has gone on has one turn, and its error is heard of', async () => {
  let turns = 0;
  const counting: RequestHandler = (_request, response) => {
    turns += 1;
    response.status(204).end();
  };
  const goingOn: RequestHandler = (_request, _response, next) => {
    next();
    throw failure;
  };
  expect(await answers(chained(later, goingOn, counting))).toEqual({ statuses: [204, 204], errors: [failure, failure] });
  expect(turns).toBe(2);
});
