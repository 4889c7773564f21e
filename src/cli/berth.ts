#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { registerAdminCommands } from './admin';
import { registerBackupCommands } from './backup';
import { registerDeployCommands } from './deploy';
import { FoundSomething, UsageError } from './errors';
import { describeFailure } from './failures';

/** Entry of the `berth` command: 0 when all is well, 1 when it was refused, failed or found something, 2 when it cannot be meant. */

function assembled(): Command {
  const program = new Command('berth')
    .description('Asks a running Berth.')
    .version((JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }).version)
    .option('--server <url>', 'address of the API; else BERTH_API_URL, else what npm run dev of this clone listens on')
    .addOption(new Option('-o, --output <format>', 'for people or for programs').choices(['table', 'json']).default('table'))
    .exitOverride();
  registerAdminCommands(program);
  registerBackupCommands(program);
  registerDeployCommands(program);
  // Groups inherit what commands do not: else a wrong word in one of them would end the process by itself.
  forEach(program, (command) => command.exitOverride());
  return program;
}

function forEach(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const inner of command.commands) forEach(inner, visit);
}

async function main(): Promise<number> {
  try {
    await assembled().parseAsync();
    return 0;
  } catch (error) {
    // What commander has to say it has said already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof FoundSomething) return 1;
    process.stderr.write(`${describeFailure(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

void main().then((code) => {
  process.exitCode = code;
});
