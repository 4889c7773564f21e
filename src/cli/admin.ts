import type { Command } from 'commander';
import { Argument, InvalidArgumentError, Option } from 'commander';
import type { EventLog, Invariants, Leaders, Maintained, Nudged, Projections, Rebuild, Repair, Store, StuckObjects } from './admin-answers';
import { showEvents, showInvariants, showLeaders, showMaintained, showNudged, showProjections, showRebuild, showRepair, showStore, showStuck } from './admin-tables';
import { registerAudit } from './admin-audit';
import { askAndPrint } from './asking';
import { FoundSomething, UsageError } from './errors';

const kinds = ['instances', 'workers', 'definitions', 'worker-templates'];
const lifecycleKinds = ['instances', 'workers'];

/** Adds `berth admin` with what looks at and mends a running Berth; answers it, for further parts to add to. */
export function registerAdminCommands(program: Command): Command {
  const admin = program.command('admin').description('look at a running Berth, and mend it');
  registerRecord(admin);
  registerStore(admin);
  registerMending(admin);
  registerAudit(admin);
  return admin;
}

function registerRecord(admin: Command): void {
  admin
    .command('events')
    .description('the log of one object, and what is missing from it')
    .addArgument(new Argument('<kind>', 'kind of the object').choices(kinds))
    .argument('<id>', 'its id', id)
    .option('--after <sequence>', 'only events after this one', count)
    .option('--limit <events>', 'at most so many', count, 200)
    .action(async (kind: string, objectId: string, options: { after?: number; limit: number }, command: Command) => {
      await askAndPrint<EventLog>(command, 'GET', `/admin/objects/${kind}/${objectId}/events`, showEvents, { afterSequence: options.after, limit: options.limit });
    });
  admin
    .command('projections')
    .description('how far the record is behind')
    .action(async (_options: unknown, command: Command) => void (await askAndPrint<Projections>(command, 'GET', '/admin/projections', showProjections)));
  admin
    .command('rebuild')
    .description('make every object anew from the log and compare it with the live one; ends with 1 if they differ')
    .option('--subject <id>', 'only this object', id)
    .action(async ({ subject }: { subject?: string }, command: Command) => {
      const { differencesTotal, gaps } = await askAndPrint<Rebuild>(command, 'POST', '/admin/projections/live/rebuild', showRebuild, { subject });
      if (differencesTotal > 0 || gaps.length > 0) throw new FoundSomething();
    });
}

function registerStore(admin: Command): void {
  admin
    .command('store')
    .description('how full etcd is, and with what')
    .action(async (_options: unknown, command: Command) => void (await askAndPrint<Store>(command, 'GET', '/admin/store', showStore)));
  admin
    .command('compact')
    .description('have etcd forget history')
    .option('--revision <revision>', 'what was before it; the present one unless given', count)
    .action(async ({ revision }: { revision?: number }, command: Command) => {
      await askAndPrint<Maintained>(command, 'POST', '/admin/store/compact', showMaintained, { revision });
    });
  const maintain = (name: string, description: string) =>
    admin
      .command(name)
      .description(description)
      .action(async (_options: unknown, command: Command) => void (await askAndPrint<Maintained>(command, 'POST', `/admin/store/${name}`, showMaintained)));
  maintain('defragment', 'have etcd give its free pages back; each member answers nobody meanwhile');
  maintain('disarm', 'take the alarm of a full etcd back, once there is room');
}

function registerMending(admin: Command): void {
  admin
    .command('leaders')
    .description('who leads, since when, with which fencing token')
    .action(async (_options: unknown, command: Command) => void (await askAndPrint<Leaders>(command, 'GET', '/admin/leaders', showLeaders)));
  admin
    .command('invariants')
    .description('prove the ledger against the allocations; ends with 1 if something is wrong')
    .action(async (_options: unknown, command: Command) => {
      const { findingsTotal } = await askAndPrint<Invariants>(command, 'GET', '/admin/invariants', showInvariants);
      if (findingsTotal > 0) throw new FoundSomething();
    });
  admin
    .command('repair')
    .description('say what of the ledger can be mended, or mend it; ends with 1 if a repair did not come about')
    .option('--apply', 'write it, instead of only saying so', false)
    .action(async ({ apply }: { apply: boolean }, command: Command) => {
      const { repairs } = await askAndPrint<Repair>(command, 'POST', '/admin/invariants/repair', showRepair, { dryRun: !apply });
      if (repairs.some(({ outcome }) => outcome === 'changed' || outcome === 'failed')) throw new FoundSomething();
    });
  admin
    .command('stuck')
    .description('what does not go on by itself, and what to do about it')
    .action(async (_options: unknown, command: Command) => void (await askAndPrint<StuckObjects>(command, 'GET', '/admin/stuck', showStuck)));
  admin
    .command('nudge')
    .description('have the lifecycle of one object look again, or with --all of everything that is stuck')
    .addArgument(new Argument('[kind]', 'kind of the object').choices(lifecycleKinds))
    .argument('[id]', 'its id', id)
    .addOption(new Option('--all', 'everything that is stuck').default(false))
    .action(async (kind: string | undefined, objectId: string | undefined, { all }: { all: boolean }, command: Command) => {
      if (all === (kind !== undefined) || (kind !== undefined && objectId === undefined)) throw new UsageError('name either one object by kind and id, or --all');
      await askAndPrint<Nudged>(command, 'POST', all ? '/admin/nudge-all' : `/admin/stuck/${kind}/${objectId}/nudge`, showNudged);
    });
}

/** Ids become parts of a path, so that only what can be one is sent. */
function id(text: string): string {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(text)) throw new InvalidArgumentError('It is no id.');
  return text;
}

function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is no whole number.');
  return Number(text);
}
