import { EtcdClient } from '../stores/etcd/client';
import { Leases } from '../stores/etcd/lease';
import { connectMongo } from '../stores/mongo/connection';
import { migrate, pendingMigrations } from '../stores/mongo/migrate';
import { readSettings } from './environment';
import { etcdOptions, migrationLock } from './stores';

/**
 * Entry that brings MongoDB to where this version knows it, as every process of the control plane does when it starts.
 * With `--dry-run` it says what that would be, and changes nothing.
 */
async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const isDry = process.argv.includes('--dry-run');
  const connection = connectMongo({ uri: settings.mongodbUri, database: settings.mongodbDatabase, appName: 'berth-migrate' });
  const etcd = new EtcdClient(etcdOptions(settings));
  try {
    const done = isDry ? await pendingMigrations(connection) : await migrate(connection, migrationLock(new Leases(etcd)));
    for (const { version, name } of done) process.stdout.write(`${isDry ? 'would do' : 'done'} ${version}: ${name}\n`);
    if (done.length === 0) process.stdout.write('nothing to do\n');
  } finally {
    await connection.close();
    etcd.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
