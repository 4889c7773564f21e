import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Manifest } from '../recovery/manifest';
import type { Restoration } from '../recovery/restore';
import { sayAnswer } from './print';

/**
 * Adds `backup` and `restore` to `berth admin`. They speak to the stores themselves, by the environment variables of the
 * processes, since a restore happens while no process runs. What they need is loaded when it is asked for.
 */
export function registerBackupCommands(program: Command): void {
  const admin = program.commands.find((command) => command.name() === 'admin') ?? program.command('admin');
  registerBackup(admin);
  registerRestore(admin);
}

function registerBackup(admin: Command): void {
  admin
    .command('backup')
    .description('copy etcd and MongoDB together, while they are in use')
    .requiredOption('--to <directory>', 'missing or empty; the copy is finished when it holds manifest.json')
    .action(async ({ to }: { to: string }, command: Command) => {
      const { backUpStores } = await import('../processes/recovery.js');
      sayAnswer(command, await backUpStores(process.env, resolve(to), report), showManifest);
    });
}

interface RestoreFlags {
  readonly from: string;
  readonly etcdDataDir: string;
  readonly keepMongodb?: boolean;
  readonly etcdName?: string;
  readonly etcdPeerUrl?: string;
}

function registerRestore(admin: Command): void {
  admin
    .command('restore')
    .description('restore a copy and open a new epoch; only while no process of Berth runs')
    .requiredOption('--from <directory>', 'a finished copy')
    .requiredOption('--etcd-data-dir <directory>', 'missing or empty; etcd is started on it afterwards')
    .option('--keep-mongodb', 'MongoDB was not lost: what it knows beyond the copy is set apart')
    .option('--etcd-name <name>', 'name of the member, where it is not "default"')
    .option('--etcd-peer-url <url>', 'how the member advertises itself, where it is not http://localhost:2380')
    .action(async ({ from, etcdDataDir, keepMongodb = false, etcdName, etcdPeerUrl }: RestoreFlags, command: Command) => {
      const { restoreStores } = await import('../processes/recovery.js');
      const member = { ...(etcdName !== undefined && { name: etcdName }), ...(etcdPeerUrl !== undefined && { peerUrl: etcdPeerUrl }) };
      const wishes = { from: resolve(from), dataDirectory: resolve(etcdDataDir), keepMongodb, member };
      sayAnswer(command, await restoreStores(process.env, wishes, report), (restoration) => showRestoration(restoration, wishes.dataDirectory));
    });
}

/** Progress goes beside the answer. */
function report(line: string): void {
  process.stderr.write(`${line}\n`);
}


function showManifest({ time, epochs, etcd, collections }: Manifest): string {
  const documents = collections.reduce((sum, collection) => sum + collection.documents, 0);
  const bytes = collections.reduce((sum, collection) => sum + collection.bytes, etcd.bytes);
  return `copied at ${time}: epoch ${epochs.epoch}, revision ${etcd.revision}, ${documents} documents of ${collections.length} collections, ${bytes} bytes`;
}

function showRestoration({ manifest, epochs, lost }: Restoration, dataDirectory: string): string {
  const apart = Object.entries(lost).map(([collection, count]) => `${count} in ${collection}`);
  return [
    `restored to ${manifest.time}: epoch ${epochs.epoch} is open; history of epoch ${manifest.epochs.epoch} counts up to revision ${manifest.etcd.revision}`,
    `lost history that was set apart: ${apart.join(', ')}`,
    `next: start etcd on ${dataDirectory}, then the processes of Berth`,
  ].join('\n');
}
