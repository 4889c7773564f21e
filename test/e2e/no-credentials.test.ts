import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Client as Temporal, Connection } from '@temporalio/client';
import type { MongoConnection } from '../../src/stores/mongo/connection';
import { connectMongo } from '../../src/stores/mongo/connection';
import type { InstanceReply } from '../support/client';
import { Client, noopComponent } from '../support/client';
import { closeClients, openClient } from '../support/etcd';
import { freshDatabase, testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

/** Credentials that are no good anywhere, one for each place where they are planted. */
const planted = {
  mongodbPassword: 'planted-mongodb-password-7f3a',
  otherMongodbPassword: 'planted-unreachable-password-81c2',
  etcdPassword: 'planted-etcd-password-5d90',
  wrongSecret: 'PlantedWrongSecret_0123456789abcdefghijklmn',
  inQuery: 'planted-token-in-query-93b1',
  inCookie: 'planted-session-cookie-c44d',
  jwt: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJwbGFudGVkLWp3dCJ9.cGxhbnRlZC1zaWduYXR1cmU',
  inOutput: 'planted-password-in-output-2e6f',
} as const;

const database = freshDatabase();
let stack: TestStack;
let api: Client;
let mongo: MongoConnection;
let temporal: Connection;
/** Everything that the API answered. */
const answers: string[] = [];

beforeAll(async () => {
  const { mongodb, temporal: address } = testServers();
  const withPassword = new URL(mongodb);
  withPassword.username = 'planted';
  withPassword.password = planted.mongodbPassword;
  withPassword.searchParams.set('authMechanism', 'PLAIN');
  stack = await startTestStack({}, { BERTH_LOG_LEVEL: 'trace', BERTH_MONGODB_DATABASE: database, BERTH_MONGODB_URI: withPassword.href });
  api = new Client(stack.apis[0]!);
  mongo = connectMongo({ uri: mongodb, database, appName: 'test' });
  temporal = await Connection.connect({ address });
}, 240_000);

afterAll(async () => {
  closeClients();
  await mongo?.close();
  await temporal?.close();
  await stack?.end();
}, 120_000);

async function ask(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<number> {
  const response = await fetch(`${stack.apis[0]}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const told = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  answers.push([...told, await response.text()].join('\n'));
  return response.status;
}

test('credentials reach no log, no value, no document, no history, no event and no answer', async () => {
  const { token } = stack;
  const secret = token.slice(token.lastIndexOf('_') - 10);
  const wrong = `berth_${token.split('_')[1]}_${planted.wrongSecret}`;
  const own = { authorization: `Bearer ${token}` };
  const json = { ...own, 'content-type': 'application/json' };

  await api.makeWorker({ from: 28_400, to: 28_499 });
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition });

  expect(await ask('GET', '/api/v1/instances', { authorization: `Bearer ${wrong}` })).toBe(401);
  expect(await ask('DELETE', `/api/v1/instances/${id}`, { authorization: `Bearer ${planted.jwt}` })).toBe(401);
  expect(await ask('GET', '/api/v1/instances', { authorization: `Basic ${Buffer.from(`planted:${planted.inQuery}`).toString('base64')}` })).toBe(401);
  expect(await ask('GET', `/api/v1/instances?token=${planted.inQuery}&access_token=${token}`, own)).toBe(400);
  expect(await ask('GET', `/api/v1/instances/${token}`, own)).toBeGreaterThanOrEqual(400);
  expect(await ask('POST', `/api/v1/${token}`, own)).toBe(404);
  expect(await ask('GET', '/api/v1/instances', { ...own, cookie: `session=${planted.inCookie}`, 'x-request-id': token, traceparent: token })).toBe(200);
  expect(await ask('POST', `/api/v1/instances/${id}/stop`, { ...own, 'idempotency-key': token })).toBe(400);
  expect(await ask('POST', `/api/v1/instances/${id}/stop`, { ...own, 'if-match': `"${token}"` })).toBe(412);
  expect(await ask('POST', '/api/v1/instances', json, `{"definition": ${token}`)).toBe(400);
  expect(await ask('POST', '/api/v1/instances', json, JSON.stringify({ definition, [token]: token }))).toBe(400);
  expect(await ask('POST', '/api/v1/definitions', { ...own, 'content-type': `text/${planted.jwt}` }, planted.jwt)).toBe(415);

  // A component whose last words hold a credential: they become a message in status, and come into events.
  const words = Buffer.from(`cannot reach mongodb://planted:${planted.inOutput}@db and ${wrong}`).toString('base64');
  const source = `console.error(Buffer.from('${words}', 'base64').toString()); process.exit(1)`;
  const failing = await api.define({ components: [{ name: 'talks', command: ['node', '-e', source], resources: noopComponent.resources }] });
  const failed = await api.must<InstanceReply>('POST', '/instances', { definition: failing });
  const parked = await api.until('it has given up', async () => {
    const seen = await api.instance(failed.id);
    return seen.status.phase === 'FAILED' && seen;
  }, 240_000);
  expect(parked.status.lastFailure?.message).toContain('mongodb://planted:[redacted]@db');

  // Processes that cannot start say so with the addresses that they were given.
  for (const environment of [{ BERTH_MONGODB_URI: `mongodb://planted:${planted.otherMongodbPassword}@127.0.0.1:9/` }, { BERTH_ETCD_ENDPOINTS: `http://planted:${planted.etcdPassword}@127.0.0.1:9` }, { BERTH_MONGODB_URI: `mysql://planted:${planted.otherMongodbPassword}@db` }]) {
    const failure = await stack.startApi(1, { environment: { ...environment, BERTH_API_PORT: '0' } }).then(
      () => 'it started',
      (error: Error) => error.message,
    );
    expect(failure).toContain('did not come up');
    answers.push(failure);
  }

  await ask('GET', '/api/v1/events?cursor=0&limit=1000', own);
  await ask('GET', `/api/v1/instances/${failed.id}/events`, own);
  await ask('GET', '/ready');
  await api.until('refusals are recorded', async () => (await api.must<{ items: unknown[] }>('GET', '/audit?outcome=refused')).items.length >= 8);
  await ask('GET', '/api/v1/audit', { ...own, accept: 'application/x-ndjson' });

  const secrets = [...Object.values(planted), secret];
  const everything = { ...logs(), 'every value in etcd': await valuesInEtcd(), 'every document in MongoDB': await documents(), 'every history': await histories(), 'every answer': answers.join('\n') };
  for (const [where, text] of Object.entries(everything)) {
    expect({ where, length: text.length > 0 }).toEqual({ where, length: true });
    for (const each of secrets) expect({ where, holds: around(text, each) }).toEqual({ where, holds: undefined });
  }
  // What is looked through is what is meant: the same places hold what is no secret.
  expect(everything['every value in etcd']).toContain(id);
  expect(everything['every document in MongoDB']).toContain(failed.id);
  expect(everything['every history']).toContain('[redacted]@db');
  expect(Object.keys(everything).filter((name) => name.endsWith('agent.log'))).toHaveLength(1);
}, 480_000);

/** The text about a secret, for whoever has to find out how it got there. */
function around(text: string, secret: string): string | undefined {
  const position = text.indexOf(secret);
  return position < 0 ? undefined : text.slice(Math.max(0, position - 300), position + secret.length);
}

/** The logs of all processes; what a component itself writes to its own log on its host is its own. */
function logs(): Record<string, string> {
  const files = filesBelow(join(stack.logsDirectory, '..')).filter((file) => file.endsWith('.log') && !file.includes('/instances/'));
  return Object.fromEntries(files.map((file) => [`${basename(join(file, '..'))}/${basename(file)}`, readFileSync(file, 'utf8')]));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

async function valuesInEtcd(): Promise<string> {
  const { entries } = await openClient({ prefix: stack.etcdPrefix }).list('');
  return JSON.stringify(entries);
}

async function documents(): Promise<string> {
  const collections = await mongo.collectionNames();
  const found = await Promise.all(collections.map((name) => mongo.collection(name).find().toArray()));
  return JSON.stringify(found);
}

/** Histories of all runs, payloads decoded. */
async function histories(): Promise<string> {
  const client = new Temporal({ connection: temporal });
  const texts: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: `TaskQueue = '${stack.taskQueue}'` })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    // Payloads turn themselves into base64.
    texts.push(JSON.stringify(history, (key, value: unknown) => (key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value)));
  }
  return texts.join('\n');
}
