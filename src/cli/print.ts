import type { Command } from 'commander';

/** Prints to standard output, with a new line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Whether what a command prints is for a program. */
export function isForPrograms(command: Command): boolean {
  return command.optsWithGlobals<{ output?: string }>().output === 'json';
}
