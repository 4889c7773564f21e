import { join } from 'node:path';
import { pino } from 'pino';
import { plaintextWarningIntervalMs } from '../../src/domain/limits';
import type { EnvironmentError} from '../../src/processes/environment';
import { readSettings } from '../../src/processes/environment';
import { warnOfPlaintext } from '../../src/processes/listening';
import { Authority } from '../support/certificates';

const authority = new Authority();
const { certFile, keyFile } = authority.issue('api');
const { keyFile: otherKey } = authority.issue('other');
afterAll(() => authority.remove());

const stores = { BERTH_ETCD_ENDPOINTS: 'http://127.0.0.1:2379', BERTH_MONGODB_URI: 'mongodb://127.0.0.1', BERTH_TEMPORAL_ADDRESS: '127.0.0.1:7233' };
const tls = { BERTH_TLS_CERT_FILE: certFile, BERTH_TLS_KEY_FILE: keyFile };

function problemsOf(environment: NodeJS.ProcessEnv): readonly string[] {
  try {
    readSettings({ ...stores, ...environment });
    return [];
  } catch (error) {
    return (error as EnvironmentError).problems;
  }
}

test.each<[string, NodeJS.ProcessEnv, RegExp | undefined]>([
  ['loopback without TLS', {}, undefined],
  ['all addresses without TLS', { BERTH_API_HOST: '0.0.0.0' }, /^BERTH_API_HOST is "0.0.0.0", which others reach/],
  ['a name that some name server knows', { BERTH_API_HOST: 'berth.example.org' }, /^BERTH_API_HOST/],
  ['all addresses with TLS', { BERTH_API_HOST: '0.0.0.0', ...tls }, undefined],
  ['all addresses without TLS, by choice', { BERTH_API_HOST: '0.0.0.0', BERTH_ALLOW_PLAINTEXT: 'true' }, undefined],
  ['a choice that is none', { BERTH_ALLOW_PLAINTEXT: 'yes' }, /^BERTH_ALLOW_PLAINTEXT is "yes"/],
  ['a certificate without its key', { BERTH_TLS_CERT_FILE: certFile }, /go together/],
  ['the key of another certificate', { ...tls, BERTH_TLS_KEY_FILE: otherKey }, /is not the key of the certificate/],
  ['a certificate that is not there', { ...tls, BERTH_TLS_CERT_FILE: join(__dirname, 'none.pem') }, /ENOENT/],
  ['a user of etcd without a password', { BERTH_ETCD_USERNAME: 'berth-api' }, /^BERTH_ETCD_USERNAME and BERTH_ETCD_PASSWORD_FILE go together/],
  ['a password file that is not there', { BERTH_ETCD_USERNAME: 'berth-api', BERTH_ETCD_PASSWORD_FILE: join(__dirname, 'none') }, /^the file of BERTH_ETCD_PASSWORD_FILE cannot be read/],
  ['certificates for an etcd without TLS', { BERTH_ETCD_CA_FILE: authority.caFile }, /^BERTH_ETCD_ENDPOINTS names http/],
])('settings with %s', (_, environment, problem) => {
  const problems = problemsOf(environment);
  expect(problems.slice(0, 1)).toEqual(problem === undefined ? [] : [expect.stringMatching(problem)]);
});

test('the address that agents are told speaks TLS where the api does', () => {
  expect([readSettings(stores).apiUrl, readSettings({ ...stores, ...tls }).apiUrl]).toEqual(['http://127.0.0.1:8080', 'https://127.0.0.1:8080']);
});

test('tokens that travel in the clear beyond this machine are warned of at start and every hour', () => {
  jest.useFakeTimers();
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  const silent = [warnOfPlaintext('127.0.0.1', { allowPlaintext: true }, log), warnOfPlaintext('0.0.0.0', { allowPlaintext: true, tls: { certFile, keyFile } }, log)];
  expect(lines).toEqual([]);
  const stop = warnOfPlaintext('0.0.0.0', { allowPlaintext: true }, log);
  jest.advanceTimersByTime(2 * plaintextWarningIntervalMs);
  stop();
  jest.advanceTimersByTime(plaintextWarningIntervalMs);
  silent.forEach((end) => end());
  jest.useRealTimers();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(Array(3).fill(expect.stringContaining('WITHOUT TLS')));
});
