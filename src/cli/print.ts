import type { Command } from 'commander';

/** Prints to standard output, with a new line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints an answer: as it is for programs, as `show` has it for people. */
export function sayAnswer<Answer>(command: Command, answer: Answer, show: (answer: Answer) => string): void {
  say(isForPrograms(command) ? JSON.stringify(answer, undefined, 2) : show(answer));
}

/** Whether what a command prints is for a program. */
export function isForPrograms(command: Command): boolean {
  return command.optsWithGlobals<{ output?: string }>().output === 'json';
}
