/** The servers that an embedded start needs, each pinned by a Go module of its own under `tools/`. */
export type BinaryName = 'etcd' | 'etcdctl' | 'etcdutl' | 'temporal' | 'ferretdb';

/** How one of them is found or built. */
export interface PinnedBinary {
  name: BinaryName;
  version: string;
  /** A binary named here is used as it is. */
  variable: string;
  /** The directory under `tools/` whose go.mod and go.sum pin every source. */
  module: string;
  /** What `go build` builds in it. */
  goPackage: string;
  /** Linker settings, for what does not know its own version when built from the module proxy. */
  linkerFlags: string;
  versionArguments: readonly string[];
  /** Finds the version in the output. */
  versionPattern: RegExp;
  /** How long a first build takes on two cores, said to the person who waits. */
  buildTakes: string;
}

/** All pinned binaries by name. */
export const pinnedBinaries: Readonly<Record<BinaryName, PinnedBinary>> = {
  etcd: {
    name: 'etcd',
    version: '3.6.8',
    variable: 'BERTH_ETCD_BINARY',
    module: 'etcd',
    goPackage: 'go.etcd.io/etcd/server/v3',
    linkerFlags: '-s -w',
    versionArguments: ['--version'],
    versionPattern: /etcd Version: (\d+\.\d+\.\d+)/,
    buildTakes: 'about 1 minute',
  },
  etcdctl: {
    name: 'etcdctl',
    version: '3.6.8',
    variable: 'BERTH_ETCDCTL_BINARY',
    module: 'etcd',
    goPackage: 'go.etcd.io/etcd/etcdctl/v3',
    linkerFlags: '-s -w',
    versionArguments: ['version'],
    versionPattern: /etcdctl version: (\d+\.\d+\.\d+)/,
    buildTakes: 'a few seconds',
  },
  etcdutl: {
    name: 'etcdutl',
    version: '3.6.8',
    variable: 'BERTH_ETCDUTL_BINARY',
    module: 'etcdutl',
    goPackage: 'go.etcd.io/etcd/etcdutl/v3',
    linkerFlags: '-s -w',
    versionArguments: ['version'],
    versionPattern: /etcdutl version: (\d+\.\d+\.\d+)/,
    buildTakes: 'a few seconds',
  },
  temporal: {
    name: 'temporal',
    version: '1.5.1',
    variable: 'BERTH_TEMPORAL_BINARY',
    module: 'temporal',
    goPackage: 'github.com/temporalio/cli/cmd/temporal',
    linkerFlags: '-s -w -X github.com/temporalio/cli/temporalcli.Version=1.5.1',
    versionArguments: ['--version'],
    versionPattern: /temporal version (\d+\.\d+\.\d+)/,
    buildTakes: 'about 4 minutes',
  },
  ferretdb: {
    name: 'ferretdb',
    version: '1.24.2',
    variable: 'BERTH_FERRETDB_BINARY',
    module: 'ferretdb',
    goPackage: '.',
    linkerFlags: '-s -w',
    versionArguments: ['--version'],
    versionPattern: /version: v?(\d+\.\d+\.\d+)/,
    buildTakes: 'about 1 minute',
  },
};
