import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { etcdutlTimeoutMs, restoringEtcdQuotaBytes } from '../../domain/limits';
import type { EtcdRestore, EtcdTools } from '../../recovery/restore';
import { findBinary } from './binaries';
import { probeHttp } from './probes';
import { claimRunDirectory } from './run-directory';
import { startServer } from './server';

/** Who the restored etcd is to be; the defaults are those of etcd itself, for a member that is alone. */
export interface MemberOptions {
  readonly name?: string;
  /** How it will advertise itself to other members. */
  readonly peerUrl?: string;
}

/** Below the data directory, so that what is finished appears there by a rename within one file system. */
const unfinished = '.restoring';

/** Restores etcd with the pinned etcdutl and etcd, which are found or built when they are needed. */
export function etcdTools(report: (line: string) => void, member: MemberOptions = {}): EtcdTools {
  return {
    unfinished: [unfinished, 'lost+found'],
    revisionOf: async (snapshotFile) => {
      const status = JSON.parse(await etcdutl(report, ['snapshot', 'status', snapshotFile, '--write-out=json'])) as { revision: number };
      return String(status.revision);
    },
    restore: (wanted, finish) => restoreEtcd(wanted, finish, member, report),
  };
}

async function restoreEtcd(wanted: EtcdRestore, finish: (url: string) => Promise<void>, member: MemberOptions, report: (line: string) => void): Promise<void> {
  const { dataDirectory } = wanted;
  mkdirSync(dataDirectory, { recursive: true });
  chmodSync(dataDirectory, 0o700);
  // Ends what a restore that was killed has left running here.
  const run = await claimRunDirectory(join(dataDirectory, unfinished), report);
  const restored = join(run.path, 'etcd');
  try {
    rmSync(restored, { recursive: true, force: true });
    await etcdutl(report, restoreArguments(wanted, restored, member));
    const server = await startAlone(run.path, restored, report);
    try {
      await finish(server.url);
    } finally {
      await server.stop();
    }
    renameSync(join(restored, 'member'), join(dataDirectory, 'member'));
  } finally {
    run.remove();
  }
}

function restoreArguments({ snapshotFile, bumpRevision }: EtcdRestore, dataDirectory: string, member: MemberOptions): string[] {
  const { name = 'default', peerUrl = 'http://localhost:2380' } = member;
  return [
    ...['snapshot', 'restore', snapshotFile, `--data-dir=${dataDirectory}`, `--bump-revision=${bumpRevision}`, '--mark-compacted'],
    ...[`--name=${name}`, `--initial-cluster=${name}=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
  ];
}

/** An etcd that nobody knows of, on loopback. It compacts nothing, and has room for the little that is still to be written. */
async function startAlone(directory: string, dataDirectory: string, report: (line: string) => void): Promise<{ url: string; stop: () => Promise<void> }> {
  const binary = await findBinary('etcd', { report });
  const { child, ports } = await startServer(
    {
      name: 'etcd',
      ports: 2,
      args: ([client, peer]) => [
        `--data-dir=${dataDirectory}`,
        `--listen-client-urls=http://127.0.0.1:${client}`,
        `--advertise-client-urls=http://127.0.0.1:${client}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--quota-backend-bytes=${restoringEtcdQuotaBytes}`,
        '--log-level=warn',
      ],
      probe: async ([client]) => {
        // A copy of a full etcd still has its alarm.
        const health = await probeHttp(`http://127.0.0.1:${client}/health?exclude=NOSPACE`);
        if (!health.includes('"health":"true"')) throw new Error(`/health says ${health}`);
      },
    },
    { directory, binary, report },
  );
  return { url: `http://127.0.0.1:${ports[0]}`, stop: async () => void (await child.stop()) };
}

async function etcdutl(report: (line: string) => void, args: readonly string[]): Promise<string> {
  const binary = await findBinary('etcdutl', { report });
  const { stdout } = await promisify(execFile)(binary, [...args], { timeout: etcdutlTimeoutMs });
  return stdout;
}
