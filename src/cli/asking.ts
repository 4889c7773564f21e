import type { Command } from 'commander';
import { say } from './print';
import type { Query } from './request';
import { ask } from './request';
import type { Server } from './server';
import { serverOf } from './server';

/** Options that every command has. */
interface GlobalOptions {
  readonly server?: string;
  readonly output: 'table' | 'json';
}

/** The server that a command was told to ask. */
export function serverFor(command: Command): Server {
  return serverOf(command.optsWithGlobals<GlobalOptions>().server, process.env);
}

/** Asks and prints the answer: as it came for programs, as `show` has it for people. Answers it, too. */
export async function askAndPrint<Body>(
  command: Command,
  method: 'GET' | 'POST',
  path: string,
  show: (body: Body) => string,
  query: Query = {},
): Promise<Body> {
  const body = await ask<Body>(serverFor(command), method, path, query);
  say(command.optsWithGlobals<GlobalOptions>().output === 'json' ? JSON.stringify(body, undefined, 2) : show(body));
  return body;
}
