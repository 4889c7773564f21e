import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import {
  answerDrainMsMax,
  connectionSilenceMsMax,
  connectionsMax,
  idleConnectionMsMax,
  requestHeadersBytesMax,
  requestHeadersMax,
  requestHeadersTimeoutMs,
  requestsPerConnectionMax,
  requestTimeoutCheckIntervalMs,
  requestTimeoutMs,
} from '../../domain/limits';
import { mintId } from './ids';
import { ApiProblem, problemDocument } from './problem';

/** Bounds of connections. */
export interface ServerBounds {
  readonly connectionsMax: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly checkIntervalMs: number;
  readonly drainMsMax: number;
}

const boundsDefault: ServerBounds = {
  connectionsMax,
  headersTimeoutMs: requestHeadersTimeoutMs,
  requestTimeoutMs,
  checkIntervalMs: requestTimeoutCheckIntervalMs,
  drainMsMax: answerDrainMsMax,
};

/** Bounds what connections may hold of a server that does not listen yet. Answers the bounds that hold. */
export function boundServer(server: Server, given: Partial<ServerBounds> = {}): ServerBounds {
  const bounds = { ...boundsDefault, ...given };
  server.maxConnections = bounds.connectionsMax;
  server.headersTimeout = bounds.headersTimeoutMs;
  server.requestTimeout = bounds.requestTimeoutMs;
  server.keepAliveTimeout = idleConnectionMsMax;
  server.maxRequestsPerSocket = requestsPerConnectionMax;
  server.timeout = connectionSilenceMsMax;
  // Node passes over further headers without a word; one more than allowed tells us that there were too many.
  server.maxHeadersCount = requestHeadersMax + 1;
  // Options of `createServer`, which NestJS calls without any. A server that listens has read them.
  Object.assign(server, { maxHeaderSize: requestHeadersBytesMax, connectionsCheckingInterval: bounds.checkIntervalMs, requireHostHeader: false });
  server.on('clientError', answerUnreadable);
  return bounds;
}

/**
 * Express middleware that lets go of who does not read. An answer that is all written, and has not left, is held in
 * memory; a client that asks and reads nothing would have the server hold as many as it likes.
 */
export function cutSlowReaders({ drainMsMax }: Pick<ServerBounds, 'drainMsMax'>) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    response.once('prefinish', () => {
      const { socket } = response;
      // Nearly every answer has left by the next turn of the event loop, and needs no timer.
      if (socket !== null && socket.writableLength > 0) setImmediate(() => cutWhenStuck(response, socket, drainMsMax));
    });
    next();
  };
}

function cutWhenStuck(response: Response, socket: Socket, drainMsMax: number): void {
  if (response.writableFinished || response.closed) return;
  const timer = setTimeout(() => socket.destroy(), drainMsMax).unref();
  const settled = () => clearTimeout(timer);
  response.once('finish', settled).once('close', settled);
}

/** A connection as Node has it: with the answer that is being sent on it. Node's own answer to what is unreadable looks there, too. */
type Connection = Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null };

/** Answers what never became a whole request, unless an answer is under way already. */
function answerUnreadable(error: Error & { readonly code?: string }, socket: Connection): void {
  if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent === true) return void socket.destroy(error);
  const problem = problemOfConnection(error);
  const requestId = mintId('request');
  const body = JSON.stringify(problemDocument(problem, requestId));
  const head = [
    `HTTP/1.1 ${problem.status} ${statusTexts[problem.status] ?? 'Bad Request'}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const statusTexts: Readonly<Record<number, string>> = { 408: 'Request Timeout', 413: 'Payload Too Large', 431: 'Request Header Fields Too Large' };

function problemOfConnection(error: Error & { readonly code?: string }): ApiProblem {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiProblem('request_timeout', 'the request was not sent as a whole in time');
    case 'HPE_HEADER_OVERFLOW':
      return new ApiProblem('headers_too_large', `at most ${requestHeadersBytesMax} bytes of headers are read`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ApiProblem('body_too_large', 'the body says more of its chunks than is read');
    default:
      return new ApiProblem('invalid_request', `this is no request of HTTP: ${error.message}`, { cause: error });
  }
}
