import { join } from 'node:path';
import {
  embeddedEtcdProgressIntervalMs,
  embeddedEtcdQuotaBytes,
  embeddedEtcdRetentionMs,
} from '../../domain/limits';
import { probeHttp } from './probes';
import { startServer } from './server';
import type { RunningServer, ServerOptions } from './server';

/** Starts an etcd of one member. */
export async function startEtcd(options: ServerOptions): Promise<RunningServer> {
  const { child, ports } = await startServer(
    {
      name: 'etcd',
      ports: 2,
      args: ([client, peer]) => [
        `--data-dir=${join(options.directory, 'etcd')}`,
        `--listen-client-urls=http://127.0.0.1:${client}`,
        `--advertise-client-urls=http://127.0.0.1:${client}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--quota-backend-bytes=${embeddedEtcdQuotaBytes}`,
        '--auto-compaction-mode=periodic',
        `--auto-compaction-retention=${embeddedEtcdRetentionMs}ms`,
        // An idle watch must be able to prove how far it is; by itself etcd says so only every 10 minutes.
        `--watch-progress-notify-interval=${embeddedEtcdProgressIntervalMs}ms`,
        '--log-level=warn',
        ...(options.unsafeNoFsync ? ['--unsafe-no-fsync'] : []),
      ],
      probe: async ([client]) => {
        // A full etcd is up as well: it is our processes that make room in it.
        const health = await probeHttp(`http://127.0.0.1:${client}/health?exclude=NOSPACE`);
        if (!health.includes('"health":"true"')) throw new Error(`/health says ${health}`);
      },
    },
    options,
  );
  return { address: `http://127.0.0.1:${ports[0]}`, child };
}
