import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encode } from '../../src/stores/etcd/client';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { closeClients, eventually, openClient, OwnEtcd } from '../support/etcd';
import { RecordingClient } from './harness/recording-client';
import type { StoreRecorder } from './harness/store-recorder';
import { recordStore } from './harness/store-recorder';

const prefix = '/recorded/';

describe('the recorder of etcd', () => {
  let etcd: OwnEtcd;
  let client: EtcdClient;
  let recorder: StoreRecorder | undefined;

  beforeEach(async () => {
    etcd = await OwnEtcd.start();
    client = openClient({ prefix, url: etcd.url });
  });

  afterEach(async () => {
    await recorder?.stop();
    recorder = undefined;
    closeClients();
    await etcd.remove();
  });

  async function write(puts: Readonly<Record<string, unknown>>, deletes: readonly string[] = []): Promise<number> {
    const response = await client.txn({
      compare: [],
      success: [
        ...Object.entries(puts).map(([key, value]) => ({ request_put: { key: client.key(key), value: encode(value) } })),
        ...deletes.map((key) => ({ request_delete_range: { key: client.key(key) } })),
      ],
      failure: [],
    });
    return Number(response.header.revision);
  }

  test('records whole transactions in order, over a kill and a restart of etcd', async () => {
    recorder = await recordStore(etcd.url, prefix);
    const first = await write({ a: 1, b: 1 });
    await recorder.upTo(first);
    await etcd.kill();
    await etcd.startAgain();
    await eventually('etcd is back', () => client.revision().then(() => true, () => false));
    const second = await write({ a: 2 }, ['b']);
    const third = await write({ b: 3 });
    await recorder.upToPresent();
    expect(recorder.history()).toEqual({
      revisions: [
        { revision: first, changes: [{ key: 'a', value: 1 }, { key: 'b', value: 1 }] },
        { revision: second, changes: [{ key: 'a', value: 2 }, { key: 'b', deleted: true }] },
        { revision: third, changes: [{ key: 'b', value: 3 }] },
      ],
      gaps: [],
    });
  });

  test('is up to date also when nothing was written under its prefix', async () => {
    recorder = await recordStore(etcd.url, prefix);
    const elsewhere = openClient({ prefix: '/elsewhere/', url: etcd.url });
    await elsewhere.raw.put('/elsewhere/key').value('1');
    await recorder.upToPresent();
    expect(recorder.history()).toEqual({ revisions: [], gaps: [] });
  });

  test('puts what etcd sends in parts together again', async () => {
    const text = 'x'.repeat(100_000);
    const transactions = 40;
    for (let count = 0; count < transactions; count++) await write({ a: { count, text }, b: { count, text }, c: { count, text } });
    recorder = await recordStore(etcd.url, prefix);
    await recorder.upToPresent();
    const { revisions } = recorder.history();
    expect(revisions.map(({ changes }) => changes.map(({ key }) => key).join())).toEqual(Array.from({ length: transactions }, () => 'a,b,c'));
    expect(new Set(revisions.map(({ revision }) => revision)).size).toBe(transactions);
  });

  test('says what it has missed', async () => {
    await write({ a: 1 });
    const compacted = await write({ a: 2 });
    await client.raw.kv.compact({ revision: String(compacted) });
    const after = await write({ a: 3 });
    recorder = await recordStore(etcd.url, prefix);
    await recorder.upTo(after);
    expect(recorder.history()).toEqual({
      revisions: [{ revision: after, changes: [{ key: 'a', value: 3 }] }],
      gaps: [{ from: 1, to: compacted, reason: 'etcd compacted them' }],
    });
  });
});

describe('the recording client', () => {
  let server: Server | undefined;
  const keysSeen: Array<string | undefined> = [];

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    keysSeen.length = 0;
  });

  /** Answers each request in turn; `cut`: ends the connection in the middle of the answer; `silent`: never answers. */
  async function serve(answers: ReadonlyArray<number | 'cut' | 'silent'>): Promise<string> {
    let turn = 0;
    server = createServer((request, response) => {
      keysSeen.push(request.headers['idempotency-key'] as string | undefined);
      const answer = answers[Math.min(turn++, answers.length - 1)]!;
      if (answer === 'silent') return;
      response.writeHead(answer === 'cut' ? 201 : answer, { 'content-type': 'application/json' });
      if (answer === 'cut') response.write('{"id":', () => response.destroy());
      else response.end(JSON.stringify({ id: 'i-1' }));
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('repeats under one key what may yet be done, and records every attempt', async () => {
    const client = new RecordingClient([await serve([503, 'cut', 429, 'silent', 201])], { attemptTimeoutMs: 300 });
    expect(await client.must('POST', '/instances', { definition: {} })).toEqual({ id: 'i-1' });
    expect(client.calls.map(({ outcome }) => (outcome && 'status' in outcome ? outcome.status : 'error'))).toEqual([503, 'error', 429, 'error', 201]);
    expect(new Set(keysSeen)).toEqual(new Set([client.calls[0]?.idempotencyKey]));
    expect(client.calls.every(({ idempotencyKey, endedAtMs }) => idempotencyKey === keysSeen[0] && endedAtMs !== undefined)).toBe(true);
  });

  test('takes a refusal for an answer, and keeps the key that it was given', async () => {
    const client = new RecordingClient([await serve([409])]);
    const reply = await client.call('POST', '/instances/i-1/stop', undefined, { 'idempotency-key': 'mine' });
    expect(reply.status).toBe(409);
    expect(keysSeen).toEqual(['mine']);
    expect(client.calls).toMatchObject([{ method: 'POST', path: '/instances/i-1/stop', idempotencyKey: 'mine', outcome: { status: 409, body: { id: 'i-1' } } }]);
  });

  test('goes from one address to the next, and ends at its deadline', async () => {
    const alive = await serve([503]);
    const client = new RecordingClient(['http://127.0.0.1:1', alive], { deadlineMs: 350 });
    await client.call('GET', '/instances').catch(() => undefined);
    expect(client.calls.length).toBeGreaterThan(1);
    expect(client.calls.map(({ url }) => url).slice(0, 2)).toEqual(['http://127.0.0.1:1', alive]);
    expect(client.calls[0]?.outcome).toEqual({ error: expect.stringMatching(/fetch failed/) as string });
    expect(client.calls[0]?.idempotencyKey).toBeUndefined();
  });
});
