import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { freePorts } from '../../src/processes/embedded/probes';
import { Authority } from '../support/certificates';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

const authority = new Authority();
const files = authority.issue('api');
let stack: TestStack;
let secured: Awaited<ReturnType<TestStack['startApi']>>;
let plain: typeof secured;
let url: string;

beforeAll(async () => {
  const [port] = await freePorts(1);
  url = `https://127.0.0.1:${port}`;
  stack = await startTestStack({}, {}, { environmentOf: { control: { BERTH_API_URL: url, NODE_EXTRA_CA_CERTS: authority.caFile } } });
  plain = stack.children.api[0]!;
  secured = await stack.startApi(0, { environment: { BERTH_API_PORT: String(port), BERTH_TLS_CERT_FILE: files.certFile, BERTH_TLS_KEY_FILE: files.keyFile } });
}, 240_000);

afterAll(async () => {
  await plain?.stop();
  await stack?.end();
  authority.remove();
}, 120_000);

/** Status of an answer, and the serial number of the certificate that it came with. */
function ask(path: string, options: https.RequestOptions = {}): Promise<{ status: number | undefined; serial: string }> {
  return new Promise((resolve, reject) => {
    const request = https.get(`${url}${path}`, { ca: authority.ca, agent: false, ...options }, (reply) => {
      const { serialNumber: serial } = (reply.socket as TLSSocket).getPeerCertificate();
      reply.resume().on('end', () => resolve({ status: reply.statusCode, serial }));
    });
    request.on('error', reject);
  });
}

test('agents and clients are served by TLS, and nobody without it', async () => {
  const api = new Client(stack.apis[0]!);
  await api.until('the secured api is ready', async () => ask('/ready').then(({ status }) => status === 200, () => false));
  expect(await ask('/api/v1/instances', { headers: { authorization: `Bearer ${stack.token}` } })).toMatchObject({ status: 200 });
  expect(await ask('/api/v1/instances')).toMatchObject({ status: 401 });
  await expect(ask('/ready', { ca: [] })).rejects.toThrow(/certificate/);
  await expect(fetch(url.replace('https', 'http') + '/ready')).rejects.toThrow();
  await api.makeWorker({ from: 22_200, to: 22_299 });
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition });
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`);
}, 240_000);

test('a renewed certificate is taken up on SIGHUP, one that cannot be used is not', async () => {
  const api = new Client(stack.apis[0]!);
  const { serial } = await ask('/ready');
  authority.issue('api');
  secured.kill('SIGHUP');
  const renewed = await api.until('the new certificate is shown', async () => ask('/ready').then((answer) => answer.serial !== serial && answer.serial));
  const { keyFile } = authority.issue('other');
  const former = readFileSync(files.keyFile);
  writeFileSync(files.keyFile, readFileSync(keyFile));
  secured.kill('SIGHUP');
  await api.until('it says so', async () => readFileSync(secured.logPath, 'utf8').includes('cannot be used, the former one stays'));
  expect(await ask('/ready')).toMatchObject({ status: 200, serial: renewed });
  writeFileSync(files.keyFile, former);
}, 120_000);
