import { requestTimeoutMs } from '../../src/domain/limits';
import { instances } from '../api/support/objects';
import { Crowd } from '../support/crowd';
import { CrowdedApi } from '../support/crowded-api';
import { eventually } from '../support/etcd';

const count = 600;
const requestsMax = 200;

let api: CrowdedApi;
let crowd: Crowd | undefined;
beforeAll(async () => {
  api = await CrowdedApi.start({ BERTH_REQUESTS_PER_PRINCIPAL: String(requestsMax) });
}, 120_000);
afterAll(async () => {
  await crowd?.leave();
  await api.end();
});

test('hundreds who send a body bit by bit: those beyond the bound are refused at once, the others when their time is over, and everybody else is served', async () => {
  const before = api.held;
  const begun = await api.request(`POST ${instances} HTTP/1.1`, 'Content-Type: application/json', 'Content-Length: 500000');
  crowd = Crowd.of(api.url, count, begun, ' '.repeat(2_000));
  await eventually('those beyond the bound are refused', () => crowd!.seen.statuses['429'] === count - requestsMax, 120_000);
  await api.servesOthers();
  expect(api.held.memoryMib - before.memoryMib).toBeLessThan(250);
  await eventually('all are cut', () => crowd!.seen.closed === count, requestTimeoutMs + 30_000);
  expect(crowd.seen.statuses).toEqual({ 408: requestsMax, 429: count - requestsMax });
  await api.isLeftBy(crowd, before);
}, 240_000);
