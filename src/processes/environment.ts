import { readFileSync } from 'node:fs';
import { formatDurationMs, parseDurationMs } from '../domain/duration';
import {
  openRequestsPerPrincipalDefault,
  ratePerOrgDefault,
  ratePerPrincipalDefault,
  rateUnauthenticatedDefault,
  retentionMsDefault,
  snapshotRetentionMsDefault,
  streamsPerPrincipalDefault,
} from '../domain/limits';
import type { Rate } from '../domain/token-bucket';
import { formatRate, parseRate } from '../domain/token-bucket';
import type { EtcdAccess } from '../stores/etcd/access';
import { etcdAccessOf } from './etcd-access';
import { isTrustedUrl } from '../domain/trusted-url';
import type { ListeningSettings } from './listening';
import { listeningOf } from './listening';

/** What is wrong with the environment, all of it at once, and what to set. */
export class EnvironmentError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the environment is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'EnvironmentError';
  }
}

/** The servers that Berth works with, and how it shows itself. */
export interface Settings {
  readonly etcdEndpoints: readonly string[];
  /** Begins and ends with `/`. */
  readonly etcdPrefix: string;
  /** Who this process is to etcd. */
  readonly etcdAccess?: EtcdAccess;
  /** Who it is where etcd wants an administrator: for its room and its copies. */
  readonly etcdMaintenanceAccess?: EtcdAccess;
  readonly etcdQuotaBytes: number;
  readonly mongodbUri: string;
  readonly mongodbDatabase: string;
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly temporalTaskQueue: string;
  readonly apiHost: string;
  readonly apiPort: number;
  readonly listening: ListeningSettings;
  /** How agents and the local provider reach the API. */
  readonly apiUrl: string;
  readonly artifactsDirectory: string;
  /** Where the local provider keeps its workers; undefined: there is no local provider. */
  readonly localWorkersDirectory: string | undefined;
  /** How long what is TERMINATED or DELETED stays in etcd. */
  readonly retentionMs: number;
  readonly snapshotRetentionMs: number;
  /** The issuer of OIDC tokens that lets people in; undefined: none does. */
  readonly oidc: { readonly issuer: string; readonly audience: string; readonly jwksUri: string | undefined } | undefined;
  /** How often callers may ask, of all servers together. */
  readonly ratePerPrincipal: Rate;
  readonly ratePerOrg: Rate;
  readonly rateUnauthenticated: Rate;
  /** How many requests, and how many streams, a caller may have open at one server. */
  readonly openRequestsPerPrincipal: number;
  readonly streamsPerPrincipal: number;
  readonly logLevel: string;
  /** Where control shows its metrics, on loopback; undefined: nowhere. */
  readonly metricsPort: number | undefined;
}

/** Where etcd is, and who asks it. */
export type EtcdSettings = Pick<Settings, 'etcdEndpoints' | 'etcdPrefix' | 'etcdAccess' | 'etcdMaintenanceAccess'>;

/** What BERTH_LOG_LEVEL may be. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Reads and checks the environment variables. Throws EnvironmentError naming every variable that is not right. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const problems: string[] = [];
  const text = (name: string, fallback?: string): string => {
    const value = environment[name]?.trim() || fallback;
    if (value === undefined) problems.push(`${name} is not set`);
    return value ?? '';
  };
  const checked = (name: string, fallback: string | undefined, isRight: (value: string) => boolean, expected: string): string => {
    const value = text(name, fallback);
    if (value !== '' && !isRight(value)) problems.push(`${name} is ${JSON.stringify(value)}, expected ${expected}`);
    return value;
  };
  const integer = (name: string, fallback: number, from: number, to: number): number =>
    Number(checked(name, String(fallback), (value) => /^\d+$/.test(value) && Number(value) >= from && Number(value) <= to, `a whole number from ${from} to ${to}`));

  const duration = (name: string, fallbackMs: number): number =>
    parseDurationMs(checked(name, formatDurationMs(fallbackMs), (value) => parseDurationMs(value) !== undefined, 'a duration such as 24h or 90d')) ?? fallbackMs;

  const oidc = () => {
    const jwksUri = environment['BERTH_OIDC_JWKS_URI']?.trim() ? checked('BERTH_OIDC_JWKS_URI', undefined, isTrustedUrl, 'an https URL, or an http URL on loopback') : undefined;
    return { issuer: checked('BERTH_OIDC_ISSUER', undefined, isTrustedUrl, 'an https URL, or an http URL on loopback'), audience: text('BERTH_OIDC_AUDIENCE'), jwksUri };
  };

  const rate = (name: string, fallback: Rate): Rate =>
    parseRate(checked(name, formatRate(fallback), (value) => parseRate(value) !== undefined, 'how many a second and how many at once, such as 100/200')) ?? fallback;

  const apiHost = text('BERTH_API_HOST', '127.0.0.1');
  const apiPort = integer('BERTH_API_PORT', 8080, 0, 65_535);
  const listening = listeningOf(environment, apiHost, problems);
  const settings: Settings = {
    etcdEndpoints: checked('BERTH_ETCD_ENDPOINTS', undefined, (value) => value.split(',').every((part) => isUrl(part, ['http:', 'https:'])), 'http(s) URLs, separated by commas').split(','),
    etcdPrefix: `${checked('BERTH_ETCD_PREFIX', '/ccm', (value) => /^\/[\w./-]*\w$/.test(value), 'a path such as /ccm')}/`,
    ...etcdAccessOf(environment, problems),
    etcdQuotaBytes: integer('BERTH_ETCD_QUOTA_BYTES', 2 * 1024 ** 3, 1024 ** 2, 2 ** 40),
    mongodbUri: checked('BERTH_MONGODB_URI', undefined, (value) => isUrl(value, ['mongodb:', 'mongodb+srv:']), 'a mongodb:// URI'),
    mongodbDatabase: checked('BERTH_MONGODB_DATABASE', 'berth', (value) => /^[\w-]{1,38}$/.test(value), 'a database name of up to 38 letters, digits, - and _'),
    temporalAddress: checked('BERTH_TEMPORAL_ADDRESS', undefined, (value) => /^[^/\s]+:\d+$/.test(value), 'host:port'),
    temporalNamespace: text('BERTH_TEMPORAL_NAMESPACE', 'default'),
    temporalTaskQueue: text('BERTH_TEMPORAL_TASK_QUEUE', 'berth'),
    apiHost,
    apiPort,
    listening,
    apiUrl: checked('BERTH_API_URL', `http${listening.tls ? 's' : ''}://${apiHost}:${apiPort}`, (value) => isUrl(value, ['http:', 'https:']), 'an http(s) URL'),
    artifactsDirectory: text('BERTH_ARTIFACTS_DIR', 'artifacts'),
    localWorkersDirectory: environment['BERTH_LOCAL_WORKERS_DIR']?.trim() || undefined,
    retentionMs: duration('BERTH_RETENTION', retentionMsDefault),
    snapshotRetentionMs: duration('BERTH_SNAPSHOT_RETENTION', snapshotRetentionMsDefault),
    oidc: ['ISSUER', 'AUDIENCE', 'JWKS_URI'].some((name) => environment[`BERTH_OIDC_${name}`]?.trim()) ? oidc() : undefined,
    ratePerPrincipal: rate('BERTH_RATE_PER_PRINCIPAL', ratePerPrincipalDefault),
    ratePerOrg: rate('BERTH_RATE_PER_ORG', ratePerOrgDefault),
    rateUnauthenticated: rate('BERTH_RATE_UNAUTHENTICATED', rateUnauthenticatedDefault),
    openRequestsPerPrincipal: integer('BERTH_REQUESTS_PER_PRINCIPAL', openRequestsPerPrincipalDefault, 1, 100_000),
    streamsPerPrincipal: integer('BERTH_STREAMS_PER_PRINCIPAL', streamsPerPrincipalDefault, 1, 100_000),
    logLevel: checked('BERTH_LOG_LEVEL', 'info', (value) => logLevels.includes(value), `one of ${logLevels.join(', ')}`),
    metricsPort: environment['BERTH_METRICS_PORT']?.trim() ? integer('BERTH_METRICS_PORT', 0, 1, 65_535) : undefined,
  };
  if (problems.length > 0) throw new EnvironmentError(problems);
  return settings;
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}

/** The version in package.json, which is two directories above the compiled file. */
export function berthVersion(): string {
  const text = readFileSync(`${__dirname}/../../package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
