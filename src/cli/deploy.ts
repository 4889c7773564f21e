import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isForPrograms, say, sayAnswer } from './print';

interface EtcdRolesFlags {
  readonly apply: boolean;
  readonly enable: boolean;
  readonly passwords: string;
}

/** Adds `berth deploy`: what is brought to the stores before the processes, by the environment variables of the processes. */
export function registerDeployCommands(program: Command): void {
  const deploy = program.command('deploy').description('prepare the stores for the processes');
  deploy
    .command('etcd-roles')
    .description('say which roles and users etcd lacks for Berth or has too much of, or make it so')
    .requiredOption('--passwords <directory>', 'a file for each user, named as it; those that are missing are made')
    .option('--apply', 'write it, instead of only saying so', false)
    .option('--enable', 'also have etcd ask everybody who they are', false)
    .action(async ({ apply, enable, passwords }: EtcdRolesFlags, command: Command) => {
      const { deployEtcdRoles } = await import('../processes/deploy.js');
      const done = await deployEtcdRoles(process.env, { apply, enable, passwords: resolve(passwords) });
      sayAnswer(command, { applied: apply, deeds: done }, ({ deeds }) => (deeds.length === 0 ? 'nothing to do' : deeds.map((what) => `${apply ? 'done' : 'would do'}: ${what}`).join('\n')));
    });
  deploy
    .command('administrator')
    .description('make the first administrator where there is none, and print a token of it, this once')
    .action(async (_flags: unknown, command: Command) => {
      const { deployAdministrator } = await import('../processes/deploy.js');
      const token = await deployAdministrator(process.env);
      say(isForPrograms(command) ? JSON.stringify({ token }) : token);
    });
}
