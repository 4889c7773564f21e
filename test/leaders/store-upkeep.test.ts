import { StoreUpkeep } from '../../src/leaders/store-upkeep';
import type { StoreUsage } from '../../src/stores/etcd/maintenance';

const quotaBytes = 1_000;

/** An etcd of which nothing can be freed, since none of it is history. */
function fullOfLiveObjects(usage: Partial<StoreUsage>) {
  const deeds: string[] = [];
  let revision = 100;
  const note = (deed: string) => async () => void deeds.push(deed);
  const store = {
    usage: async () => ({ allocatedBytes: 800, usedBytes: 800, noSpace: false, revision: (revision += 10), ...usage }),
    compact: note('compact'),
    defragment: note('defragment'),
    disarm: note('disarm'),
  };
  return { deeds, upkeep: new StoreUpkeep({ store, quotaBytes, onDone: () => undefined }) };
}

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

async function rounds(upkeep: StoreUpkeep, count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await upkeep.round();
    jest.advanceTimersByTime(15_000);
  }
}

test('history is not taken again and again for what is not history', async () => {
  const { deeds, upkeep } = fullOfLiveObjects({});
  // Less than what is kept of history: only urgency would compact more than once.
  await rounds(upkeep, 12);
  expect(deeds).toEqual(['compact']);
});

test('an alarm about a quota that is smaller than the one we know is not taken back again and again', async () => {
  const { deeds, upkeep } = fullOfLiveObjects({ noSpace: true, allocatedBytes: 100, usedBytes: 100 });
  await rounds(upkeep, 12);
  expect(deeds.filter((deed) => deed === 'disarm')).toHaveLength(1);
});
