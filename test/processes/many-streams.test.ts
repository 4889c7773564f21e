import { Crowd } from '../support/crowd';
import { CrowdedApi } from '../support/crowded-api';
import { eventually } from '../support/etcd';

const count = 3_000;
const streamsMax = 1_500;

let api: CrowdedApi;
let crowd: Crowd | undefined;
beforeAll(async () => {
  api = await CrowdedApi.start({ BERTH_STREAMS_PER_PRINCIPAL: String(streamsMax) });
}, 120_000);
afterAll(async () => {
  await crowd?.leave();
  await api.end();
});

test('thousands of streams of one caller: as many as he may have are told of every change, the others are refused, and everybody else is served', async () => {
  const before = api.held;
  crowd = Crowd.of(api.url, count, await api.request('GET /api/v1/events HTTP/1.1', 'Accept: text/event-stream'));
  const answered = () => Object.values(crowd!.seen.statuses).reduce((sum, one) => sum + one, 0);
  await eventually('all are answered', () => answered() === count, 120_000);
  expect(crowd.seen.statuses).toEqual({ 200: streamsMax, 429: count - streamsMax });
  await api.servesOthers();
  await eventually('every stream is told', () => crowd!.seen.told === streamsMax, 120_000);
  // Connections whose request was refused are idle, and are not kept for long.
  await eventually('those refused are closed', () => crowd!.seen.closed === count - streamsMax, 120_000);
  const during = api.held;
  expect(during.descriptors - before.descriptors).toBeLessThan(streamsMax + 50);
  expect(during.memoryMib - before.memoryMib).toBeLessThan(250);
  await api.isLeftBy(crowd, before);
}, 240_000);
