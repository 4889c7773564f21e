import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InvariantsDocument } from '../../src/api/admin/invariants';
import { keys } from '../../src/stores/etcd/keys';
import { Lifecycle } from '../api/support/lifecycle';
import { Objects } from '../api/support/objects';
import { TestApi, toldWorld } from '../api/support/test-api';
import { berth, cellsOf } from './support';

let api: TestApi;
let workerId: string;
let instanceId: string;
beforeAll(async () => {
  api = await TestApi.start(toldWorld());
  const objects = new Objects(api);
  const lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
  workerId = (await objects.worker()).id;
  await lifecycle.provision(workerId);
  instanceId = (await objects.instance()).id;
  await lifecycle.run(instanceId, workerId, { http: 2000 });
});
afterAll(() => api.stop());

function admin(...args: readonly string[]) {
  return berth(['admin', ...args], { BERTH_API_URL: api.url, BERTH_TOKEN: api.token });
}

async function miscount(instances: number): Promise<void> {
  const { etcd, fresh } = api.dependencies;
  const { capacity } = await fresh.worker(workerId);
  await etcd.raw.put(etcd.prefix + keys.workerCapacity(workerId)).value(JSON.stringify({ ...capacity!.value, instances }));
}

describe('for people', () => {
  test('events are a table', async () => {
    const { code, out, err } = await admin('events', 'instances', instanceId);
    expect([code, err]).toEqual([0, '']);
    const [headings, ...rows] = cellsOf(out);
    expect(headings).toEqual(['SEQ', 'TIME', 'TYPE', 'ACTOR', 'REVISION', 'IN']);
    expect(rows.map(([sequence, , type, actor, , place]) => [sequence, type, actor, place])).toEqual([
      ['1', 'berth.instance.created', expect.stringMatching(/^user:p-/), 'outbox'],
      ['2', 'berth.instance.scheduled', 'lifecycle', 'outbox'],
      ['3', 'berth.instance.instantiating', 'lifecycle', 'outbox'],
      ['4', 'berth.instance.running', 'lifecycle', 'outbox'],
    ]);
    const page = await admin('events', 'instances', instanceId, '--after', '1', '--limit', '2');
    expect(cellsOf(page.out).map(([first]) => first)).toEqual(['SEQ', '2', '3', 'more: --after 3']);
  });

  test.each([
    [['projections'], /^PROJECTION +STATE +CHECKPOINT +LAG +OLDEST\nrecord +unattended +\d+ +\d+ events +[\d.]+ m?s\n$/],
    [['leaders'], /^OFFICE .*\nscheduler +\(vacant\) +- +- +-\ncontroller +\(vacant\)/],
    [['store'], /^[\d.]+ \w+ in use \([\d.]+ % of 2\.0 GiB\), .*, no alarms\n\nMEMBER .*\nhttp:.*\n\nCOLLECTION +KEYS +SIZE\n/],
    [['rebuild'], /^6 objects compared with what the log makes of them \(11 events\), at revision \d+: equal\n$/],
    [['invariants'], /^1 instance and 1 worker at revision \d+: the ledger is right\n$/],
    [['repair'], /^nothing can be repaired\n/],
    [['stuck'], /^nothing is stuck\n$/],
    [['nudge', '--all'], /^nothing to nudge\n$/],
    [['disarm'], /^no alarm was raised\nin use .* → .*, allocated/],
  ])('%j', async (args, expected) => {
    const { code, out, err } = await admin(...args);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(expected);
  });

  test('a nudge reaches the lifecycle', async () => {
    api.nudges.length = 0;
    expect(await admin('nudge', 'workers', workerId)).toMatchObject({ code: 0, out: `nudged workers ${workerId}\n` });
    expect(api.nudges).toEqual([`Worker ${workerId}`]);
  });

  test('a damaged ledger ends the check with 1; a repair says what it would do, and does it when told to', async () => {
    await miscount(5);
    const found = await admin('invariants');
    expect(found).toMatchObject({ code: 1, err: '' });
    expect(found.out).toMatch(/1 finding\nOBJECT .*\nworkers\/.*\/capacity +says instances 5 instead of 1 +yes +the sums are written anew/);
    expect((await admin('rebuild')).code).toBe(1);
    expect(await admin('repair')).toMatchObject({ code: 0, out: expect.stringMatching(/planned[^]*nothing was written; --apply writes it/) });
    expect((await admin('invariants')).code).toBe(1);
    expect(await admin('repair', '--apply')).toMatchObject({ code: 0, out: expect.stringMatching(/done[^]*the ledger is right/) });
    expect((await admin('invariants')).code).toBe(0);
  });
});

test('for programs the answer is JSON, wherever the option stands', async () => {
  const outputs = [await admin('invariants', '-o', 'json'), await berth(['-o', 'json', '--server', api.url, 'admin', 'invariants'], { BERTH_TOKEN: api.token })];
  for (const { code, out } of outputs) {
    expect(code).toBe(0);
    expect(JSON.parse(out) as InvariantsDocument).toMatchObject({ findings: [], findingsTotal: 0, instances: 1, workers: 1 });
  }
});

describe('a failure', () => {
  test('of the server’s is told with its code, what to do, and the request id', async () => {
    const { code, out, err } = await admin('events', 'instances', 'i-none');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^error: No such instance\n {2}detail +instance i-none does not exist\n {2}code +instance_not_found\n {2}what to do +.+\n {2}request +request-\w+\n$/);
    expect(await admin('compact', '--revision', '999999999999')).toMatchObject({ code: 1, err: expect.stringContaining('revision_unknown') });
  });

  test('to reach a server says which, who named it, and what to do', async () => {
    const nobody = await berth(['admin', 'leaders', '--server', 'http://127.0.0.1:9']);
    expect(nobody).toMatchObject({ code: 1, out: '' });
    expect(nobody.err).toMatch(/^error: The server cannot be reached\n {2}detail +http:\/\/127\.0\.0\.1:9 .*\n {2}what to do .*--server or BERTH_API_URL \(this address: --server\)\n$/);
  });

  test('to speak with somebody else is no crash', async () => {
    const other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    expect(await berth(['admin', 'store', '--server', `http://127.0.0.1:${port}`])).toMatchObject({ code: 1, err: expect.stringContaining('does not answer as Berth does') });
    other.close();
  });
});

test.each([
  [[]],
  [['admin']],
  [['admin', 'sink']],
  [['admin', 'events', 'ships', 'x']],
  [['admin', 'events', 'instances']],
  [['admin', 'events', 'instances', '../../health']],
  [['admin', 'events', 'instances', 'i-1', '--limit', 'many']],
  [['admin', 'leaders', '-o', 'xml']],
  [['admin', 'leaders', '--sever', 'x']],
  [['admin', 'leaders', '--server', 'not a url']],
  [['admin', 'nudge']],
  [['admin', 'nudge', 'instances']],
  [['admin', 'nudge', 'instances', 'i-1', '--all']],
])('what cannot be meant ends with 2 and asks nobody: %j', async (args) => {
  const { code, out, err } = await berth(args, { BERTH_API_URL: 'http://127.0.0.1:9' });
  expect([code, out]).toEqual([2, '']);
  expect(err.length).toBeGreaterThan(10);
  expect(err).not.toContain('cannot be reached');
});

test('help and version are no failures', async () => {
  expect(await berth(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('Usage: berth') });
  expect(await berth(['admin', 'repair', '--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--apply') });
  expect(await berth(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test('the server is that of npm run dev while it runs, if nobody names another', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-dev-'));
  writeFileSync(join(directory, 'dev.json'), JSON.stringify({ api: api.url, token: api.token }));
  expect((await berth(['admin', 'leaders'], { BERTH_DEV_DIR: directory })).code).toBe(0);
  const named = await berth(['admin', 'leaders'], { BERTH_DEV_DIR: directory, BERTH_API_URL: 'http://127.0.0.1:9' });
  expect(named).toMatchObject({ code: 1, err: expect.stringContaining('this address: BERTH_API_URL') });
  writeFileSync(join(directory, 'dev.json'), '{"api": "htt');
  expect(await berth(['admin', 'leaders', '--server', api.url], { BERTH_DEV_DIR: directory, BERTH_TOKEN: api.token })).toMatchObject({ code: 0 });
  rmSync(directory, { recursive: true });
});
