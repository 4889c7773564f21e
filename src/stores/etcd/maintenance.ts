import { AlarmAction, AlarmType, GRPCOutOfRangeError, GRPCResourceExhastedError } from 'etcd3';
import { storeMaintenanceTimeoutMs } from '../../domain/limits';
import type { EtcdClient } from './client';

/** How full etcd is; of several members, the fullest. */
export interface StoreUsage {
  /** What etcd holds against its quota. It shrinks by defragmentation alone. */
  readonly allocatedBytes: number;
  /** Without the free pages, which etcd writes to before it allocates more. Compaction makes free pages. */
  readonly usedBytes: number;
  /** The alarm is raised: nothing is put and no lease is granted until somebody takes it back. */
  readonly noSpace: boolean;
  readonly revision: number;
}

/** Whether etcd refused to write because it is full. Deletes and renewals of leases go on. */
export function isNoSpace(error: unknown): boolean {
  return error instanceof GRPCResourceExhastedError && error.message.includes('database space exceeded');
}

/** Asks etcd how full it is, and makes room. */
export class StoreMaintenance {
  constructor(
    private readonly client: EtcdClient,
    /** One for each member of a cluster: each allocates and defragments by itself. */
    private readonly members: readonly EtcdClient[] = [client],
  ) {}

  /** Members that do not answer are left out, as long as one does. */
  async usage(): Promise<StoreUsage> {
    const statuses = await answersOf(this.members.map((member) => member.raw.maintenance.status()));
    return {
      allocatedBytes: Math.max(...statuses.map(({ dbSize }) => Number(dbSize))),
      usedBytes: Math.max(...statuses.map(({ dbSizeInUse }) => Number(dbSizeInUse))),
      // Asking for the alarms themselves would cost a proposal to all members each time.
      noSpace: statuses.some(({ errors }) => errors.some((error) => error.includes('NOSPACE'))),
      revision: Math.min(...statuses.map(({ header }) => Number(header.revision))),
    };
  }

  /** Forgets all history before a revision. Resolves when the pages are free, also if somebody has done it before. */
  async compact(revision: number): Promise<void> {
    try {
      await this.client.raw.kv.compact({ revision: String(revision), physical: true }, patiently());
    } catch (error) {
      if (!(error instanceof GRPCOutOfRangeError)) throw error;
    }
  }

  /** Gives free pages back. A member answers nobody meanwhile, so they do it one after the other. */
  async defragment(): Promise<void> {
    for (const member of this.members) await member.raw.maintenance.defragment(patiently());
  }

  /** Takes the NOSPACE alarm back, for each member that has raised it; answers for how many. */
  async disarm(): Promise<number> {
    // By number: on the wire names are others than in the types, and a name that is not known there means 0.
    const alarm = AlarmType.Nospace;
    const { alarms } = await this.client.raw.maintenance.alarm({ action: AlarmAction.Get, memberID: '0', alarm });
    for (const { memberID } of alarms) await this.client.raw.maintenance.alarm({ action: AlarmAction.Deactivate, memberID, alarm });
    return alarms.length;
  }
}

/** Of all members, each asked by a connection that may do so; undefined where there is none. */
export function maintenanceOf(members: ReadonlyMap<string, EtcdClient>): StoreMaintenance | undefined {
  const [first] = members.values();
  return first && new StoreMaintenance(first, [...members.values()]);
}

async function answersOf<T>(asked: ReadonlyArray<Promise<T>>): Promise<T[]> {
  const settled = await Promise.allSettled(asked);
  const answers = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  // The first one's error stands for all.
  return answers.length > 0 ? answers : [await asked[0]!];
}

function patiently(): { deadline: number } {
  return { deadline: Date.now() + storeMaintenanceTimeoutMs };
}
