import { SnapshotRetention } from '../../src/activities/snapshot-retention';
import type { ObjectState } from '../../src/domain/object-state';
import { freshWorld, TestApi } from '../api/support/test-api';
import { newInstance, startMs } from '../support/domain-objects';
import { clockAhead, MaintenanceLab } from './support/maintenance-lab';

const dayMs = 24 * 60 * 60 * 1000;
let api: TestApi;
let lab: MaintenanceLab;

beforeEach(async () => {
  api = await TestApi.start(freshWorld());
  lab = new MaintenanceLab(api);
  await lab.objects.definition();
});

afterEach(async () => {
  await api.stop();
});

function retain(aheadMs: number, signal = new AbortController().signal) {
  const { cached } = api.dependencies;
  return new SnapshotRetention({ cached, snapshots: lab.snapshots, reports: lab.reports, snapshotRetentionMs: 90 * dayMs, clock: clockAhead(aheadMs) }).run(signal);
}

/** Which of an object's first snapshots are there. */
async function kept(id: string, upTo: number): Promise<number[]> {
  const found = await Promise.all(Array.from({ length: upTo }, (_, index) => lab.snapshots.get(id, index + 1)));
  return found.flatMap((snapshot) => snapshot?.state.sequence ?? []);
}

test('snapshots are deleted once they are old enough, all but the newest of what lives; events never are', async () => {
  const { id: alive } = await lab.objects.instance();
  await api.client.request('PATCH', `/api/v1/instances/${alive}`, { labels: { a: 'b' } }, {});
  const gone = await lab.endedInstance();
  await lab.project();
  await lab.retire();
  await lab.project();

  expect((await retain(89 * dayMs)).summary).toMatch(/^0 snapshots/);
  expect([await kept(alive, 2), await kept(gone, 4)]).toEqual([[1, 2], [1, 2, 3, 4]]);
  expect((await retain(95 * dayMs)).summary).toMatch(/^5 snapshots/);
  expect([await kept(alive, 2), await kept(gone, 4)]).toEqual([[2], []]);
  for (const [id, length] of [[alive, 2], [gone, 4]] as const) expect(await lab.auditEvents.ofSubject(id, { limit: 10 })).toHaveLength(length);

  // The log goes on from the one that stayed, and the past is told from events alone.
  await api.client.request('PATCH', `/api/v1/instances/${alive}`, { labels: { a: 'c' } }, {});
  await lab.project();
  expect((await lab.snapshots.get(alive, 3))?.state.spec.labels).toEqual({ a: 'c' });
  const past = await api.client.get<{ object: { status: { phase: string } } }>(`/api/v1/instances/${gone}/snapshot?sequence=3`);
  expect(past.body.object.status.phase).toBe('TERMINATED');
});

test('a run that is told to end leaves the rest to the next one', async () => {
  const { spec, status } = newInstance();
  const state = (sequence: number): ObjectState => ({
    kind: 'Instance', id: 'i-long-gone', org: 'default', sequence, epoch: 1, revision: String(sequence), eventId: `e-${sequence}`, time: new Date(startMs).toISOString(), spec, status,
  });
  const total = 700;
  await lab.snapshots.insert(Array.from({ length: total }, (_, index) => ({ changeType: 'updated' as const, state: state(index + 1) })));
  const ending = new AbortController();
  ending.abort();
  expect((await retain(1000 * dayMs, ending.signal)).summary).toMatch(/^0 snapshots/);
  expect((await retain(1000 * dayMs)).summary).toMatch(/^700 snapshots/);
});
