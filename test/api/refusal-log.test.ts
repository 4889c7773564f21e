import pino from 'pino';
import { RefusalLog } from '../../src/api/audit/refusal-log';
import type { ApiDependencies } from '../../src/api/dependencies';
import { refusalsDetailedMax, refusalsWaitingMax, refusedPrincipalsMax } from '../../src/domain/limits';
import type { Refusal } from '../../src/domain/refusals';
import type { IdentifiedRefusal } from '../../src/stores/mongo/audit-refusals';

/** MongoDB as it goes and comes back. */
class Store {
  isAway = false;
  /** The next batch is inserted, and nobody hears of it. */
  losesAnswer = false;
  readonly inserted = new Map<string, IdentifiedRefusal>();

  async insert(refusals: readonly IdentifiedRefusal[]): Promise<void> {
    if (this.isAway) throw new Error('away');
    for (const refusal of refusals) this.inserted.set(refusal.id, refusal);
    if (!this.losesAnswer) return;
    this.losesAnswer = false;
    throw new Error('the answer was lost');
  }
}

let store: Store;
let dropped: number;
let log: RefusalLog;
let nowMs: number;
beforeEach(() => {
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
  store = new Store();
  dropped = 0;
  const dependencies = { auditRefusals: store, refusalsDropped: (count: number) => (dropped += count), log: pino({ level: 'silent' }) };
  log = new RefusalLog(dependencies as unknown as ApiDependencies);
});
afterEach(() => jest.restoreAllMocks());

const refusal = (principal: string): Refusal => ({ time: '2026-01-01T00:00:00.000Z', principal, type: 'user', address: '::1', org: 'o', route: 'POST /x', requestId: 'r', code: 'forbidden', status: 403 });

it('waits while MongoDB is away, and is there afterwards, once', async () => {
  store.isAway = true;
  log.record(refusal('user:a'));
  await log.writeAll();
  store.isAway = false;
  store.losesAnswer = true;
  await log.writeAll();
  await log.writeAll();
  expect([...store.inserted.values()].map(({ record }) => record.principal)).toEqual(['user:a']);
});

it('is bounded while MongoDB is away, and what found no room is counted and told', async () => {
  store.isAway = true;
  let sent = 0;
  while (dropped === 0) {
    for (let index = 0; index < refusedPrincipalsMax * refusalsDetailedMax; index++, sent++) log.record(refusal(`user:${index % refusedPrincipalsMax}`));
    nowMs += 60_000;
  }
  store.isAway = false;
  await log.writeAll();
  const records = [...store.inserted.values()].map(({ record }) => record);
  expect(records).toHaveLength(refusalsWaitingMax + 1);
  expect(records.at(-1)).toEqual(expect.objectContaining({ principal: 'others', counts: { not_recorded: dropped } }));
  expect(refusalsWaitingMax + dropped).toBe(sent);
});

it('writes what it has counted when the server ends', async () => {
  for (let index = 0; index < refusalsDetailedMax + 5; index++) log.record(refusal('user:a'));
  await log.onApplicationShutdown();
  expect(store.inserted.size).toBe(refusalsDetailedMax + 1);
  expect([...store.inserted.values()].at(-1)?.record).toMatchObject({ principal: 'user:a', counts: { forbidden: 5 } });
});
