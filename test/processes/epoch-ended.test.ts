import pino from 'pino';
import { Metrics } from '../../src/processes/metrics';
import { openLiveStores } from '../../src/processes/stores';
import { nextEpochs } from '../../src/domain/epochs';
import { writeEpochs } from '../../src/stores/etcd/epoch';
import { at } from '../support/domain-objects';
import { freshPrefix, testServers } from '../support/servers';

test('a process whose store is restored beneath it ends, so that it begins anew in the new epoch', async () => {
  const log = pino({ level: 'silent' });
  const live = await openLiveStores({ etcdEndpoints: [testServers().etcd], etcdPrefix: `${freshPrefix()}/` }, log, new Metrics(log));
  try {
    const ended = expect(live.epochEnded).rejects.toThrow('it is in epoch 2');
    await writeEpochs(live.client, nextEpochs(live.epochs, { lastGoodRevision: '1', firstRevision: '2', highestEpochSeen: 1 }), at(0));
    await ended;
  } finally {
    live.close();
  }
});
