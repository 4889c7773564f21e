import { randomBytes } from 'node:crypto';

/** The servers that the test run started. */
export interface TestServers {
  etcd: string;
  mongodb: string;
  temporal: string;
}

/** Where global set-up leaves the addresses for the test files, which run in other processes. */
export const testServerVariables = {
  etcd: 'BERTH_TEST_ETCD',
  mongodb: 'BERTH_TEST_MONGODB',
  temporal: 'BERTH_TEST_TEMPORAL',
} as const;

/** Addresses of the etcd, MongoDB and Temporal servers of this test run. */
export function testServers(): TestServers {
  return {
    etcd: address(testServerVariables.etcd),
    mongodb: address(testServerVariables.mongodb),
    temporal: address(testServerVariables.temporal),
  };
}

/** An etcd prefix that no other test uses; the servers are shared. */
export function freshPrefix(): string {
  return `/test-${fresh()}`;
}

/** A database name that no other test uses. */
export function freshDatabase(): string {
  return `test_${fresh()}`;
}

/** A Temporal task queue, or part of a workflow id, that no other test uses. */
export function freshTaskQueue(): string {
  return `test-${fresh()}`;
}

function fresh(): string {
  return randomBytes(6).toString('hex');
}

function address(variable: string): string {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`${variable} is not set: a test that needs servers belongs to the jest project "servers"`);
  }
  return value;
}
