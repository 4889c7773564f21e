import type { AuditLine } from '../../src/domain/audit';
import { seedPrincipal } from '../support/administrator';
import { eventually } from '../support/etcd';
import { Objects } from './support/objects';
import { TestApi } from './support/test-api';

/** Exports that go on until the test lets go of them. */
let letGo: () => void;
let api: TestApi;
let waiting = 0;
beforeAll(async () => {
  const over = new Promise<void>((resolve) => (letGo = resolve));
  api = await TestApi.start(undefined, (dependencies) => {
    const stream = async function* (): AsyncGenerator<AuditLine> {
      waiting += 1;
      await over;
      yield* [];
    };
    return { ...dependencies, auditRefusals: Object.assign(Object.create(dependencies.auditRefusals) as typeof dependencies.auditRefusals, { stream }) };
  });
  await new Objects(api).definition();
});
afterAll(() => api.stop());

const accept = 'application/x-ndjson';
const exported = (token: string) => fetch(`${api.url}/api/v1/audit`, { headers: { accept, authorization: `Bearer ${token}` } });

test('one export at a time is written for each who asks, four in all, and one ends with the credential that asked for it', async () => {
  const tokens = await Promise.all(Array.from({ length: 5 }, () => seedPrincipal(api.dependencies.etcd, { roles: ['operator'] })));
  const revoked = tokens[0]!;
  const running = tokens.slice(0, 4).map((token) => exported(token).then((response) => response.text(), () => 'cut'));
  await eventually('four are being written', () => waiting === 4);

  const again = await exported(revoked);
  expect([again.status, await again.json()]).toEqual([429, expect.objectContaining({ code: 'too_many_requests_in_flight', retryable: true })]);
  const fifth = await exported(tokens[4]!);
  expect([fifth.status, await fifth.json()]).toEqual([503, expect.objectContaining({ code: 'too_many_readers' })]);

  const [, id] = /^berth_([^_]+)_/.exec(revoked)!;
  expect(await api.client.delete(`/api/v1/tokens/${id}`)).toMatchObject({ status: 200 });
  await api.dependencies.cache.waitForRevision(await api.dependencies.etcd.revision(), 5_000);
  letGo();
  const ends = await Promise.all(running);
  expect(ends).toEqual(['cut', ...Array.from({ length: 3 }, (): unknown => expect.stringContaining('berth.definition.created'))]);
});
