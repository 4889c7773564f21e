import type { Command } from 'commander';
import { BerthClient } from '../client/berth-client';
import type { Query } from '../client/http';
import { ProblemError } from '../client/problem-error';
import { administrationTimeoutMs } from '../domain/limits';
import { sayAnswer } from './print';
import type { Server } from './server';
import { serverOf } from './server';

/** Options that every command has. */
interface GlobalOptions {
  readonly server?: string;
}

/** Nothing that is Berth's came back from the server that a command was told to ask. */
export class NoAnswerError extends Error {
  constructor(readonly server: Server, cause: unknown) {
    super(`${server.url} does not answer as Berth does: ${reasonOf(cause)}`, { cause });
    this.name = 'NoAnswerError';
  }
}

/** Asks and prints the answer: as it came for programs, as `show` has it for people. Answers it, too. */
export async function askAndPrint<Body>(command: Command, method: 'GET' | 'POST', path: string, show: (body: Body) => string, query: Query = {}): Promise<Body> {
  const { server: named } = command.optsWithGlobals<GlobalOptions>();
  const server = serverOf(named, process.env);
  const body = await ask<Body>(server, method, path, query);
  sayAnswer(command, body, show);
  return body;
}

function ask<Body>(server: Server, method: 'GET' | 'POST', path: string, query: Query): Promise<Body> {
  return asking(server, (client) => client.request<Body>(method, `/api/v1${path}`, { query, timeoutMs: administrationTimeoutMs }));
}

/** Has the command's server asked, in whatever way, and says of a failure which server it was. */
export function askServer<T>(command: Command, act: (client: BerthClient) => Promise<T>): Promise<T> {
  return asking(serverOf(command.optsWithGlobals<GlobalOptions>().server, process.env), act);
}

async function asking<T>(server: Server, act: (client: BerthClient) => Promise<T>): Promise<T> {
  try {
    return await act(new BerthClient({ url: server.url, ...(server.token !== undefined && { token: server.token }) }));
  } catch (error) {
    // Of a refusal Berth names the request; whatever does not is somebody else, or nobody.
    if (error instanceof ProblemError && error.requestId !== undefined) throw error;
    throw new NoAnswerError(server, error);
  }
}

/** fetch says only that it failed; why is in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || error.name;
}
