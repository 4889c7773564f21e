import type { Manifest } from '../recovery/manifest';
import { backUp } from '../recovery/backup';
import type { Restoration } from '../recovery/restore';
import { restore } from '../recovery/restore';
import { EtcdClient } from '../stores/etcd/client';
import type { MongoConnection } from '../stores/mongo/connection';
import { connectMongo } from '../stores/mongo/connection';
import { etcdTools } from './embedded/etcd-restore';
import type { MemberOptions } from './embedded/etcd-restore';
import type { Settings } from './environment';
import { berthVersion, readSettings } from './environment';
import { etcdOptions } from './stores';

type Report = (line: string) => void;

/** Copies the stores that the environment names. */
export async function backUpStores(environment: NodeJS.ProcessEnv, to: string, report: Report): Promise<Manifest> {
  const settings = storeSettings(environment);
  const etcd = new EtcdClient({ ...etcdOptions(settings), access: settings.etcdMaintenanceAccess ?? settings.etcdAccess });
  const mongo = connect(settings);
  try {
    return await backUp({ to, etcd, mongo, revisionOf: (file) => etcdTools(report).revisionOf(file), berthVersion: berthVersion(), nowMs: Date.now, report });
  } finally {
    etcd.close();
    await mongo.close();
  }
}

export interface RestoreWishes {
  readonly from: string;
  readonly dataDirectory: string;
  readonly keepMongodb: boolean;
  readonly member: MemberOptions;
}

/** Restores into a new data directory of etcd, and the database that the environment names. */
export async function restoreStores(environment: NodeJS.ProcessEnv, { member, ...wishes }: RestoreWishes, report: Report): Promise<Restoration> {
  const settings = storeSettings(environment);
  const mongo = connect(settings);
  try {
    return await restore({ ...wishes, prefix: settings.etcdPrefix, etcdUser: (settings.etcdMaintenanceAccess ?? settings.etcdAccess)?.user, mongo, tools: etcdTools(report, member), nowMs: Date.now, report });
  } finally {
    await mongo.close();
  }
}

/** Temporal has no part in it, nor, while it is restored, an etcd that runs: neither has to be named. */
function storeSettings(environment: NodeJS.ProcessEnv): Settings {
  return readSettings({ BERTH_TEMPORAL_ADDRESS: 'unused:1', BERTH_ETCD_ENDPOINTS: 'http://127.0.0.1:2379', ...environment });
}

function connect({ mongodbUri, mongodbDatabase }: Settings): MongoConnection {
  return connectMongo({ uri: mongodbUri, database: mongodbDatabase, appName: 'berth-recovery' });
}
