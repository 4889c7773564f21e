import pino from 'pino';
import { Metrics } from '../../src/processes/metrics';
import { openLiveStores } from '../../src/processes/stores';
import { nextEpochs } from '../../src/domain/epochs';
import type { LiveStores } from '../../src/processes/stores';
import { writeEpochs } from '../../src/stores/etcd/epoch';
import { EpochEndedError } from '../../src/stores/etcd/errors';
import { keys } from '../../src/stores/etcd/keys';
import { at } from '../support/domain-objects';
import { freshPrefix, testServers } from '../support/servers';

let live: LiveStores;

beforeEach(async () => {
  const log = pino({ level: 'silent' });
  live = await openLiveStores({ etcdEndpoints: [testServers().etcd], etcdPrefix: `${freshPrefix()}/` }, log, new Metrics(log));
});

afterEach(() => live.close());

test('a process whose store is restored beneath it ends, so that it begins anew in the new epoch', async () => {
  const ended = expect(live.epochEnded).rejects.toThrow('it is in epoch 2');
  await writeEpochs(live.client, nextEpochs(live.epochs, { lastGoodRevision: '1', firstRevision: '2', highestEpochSeen: 1 }), at(0));
  await ended;
});

test('so does one that finds no epoch any more, and until then it commits nothing', async () => {
  const ended = expect(live.epochEnded).rejects.toThrow('it is in epoch none');
  await live.client.raw.kv.deleteRange({ key: live.client.key(keys.epoch) });
  await expect(live.committer.commit({ id: 'late', compares: [], puts: [{ key: 'instances/a/state', value: {} }], deletes: [], events: [] })).rejects.toThrow(EpochEndedError);
  await ended;
});
