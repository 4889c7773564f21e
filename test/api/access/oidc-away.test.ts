import pino from 'pino';
import type { ProblemBody } from '../support/client';
import { instances } from '../support/objects';
import { freshWorld, TestApi } from '../support/test-api';

const logged: Array<{ readonly level: number; readonly msg: string }> = [];
const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line) as (typeof logged)[number]) });

let api: TestApi;
beforeAll(async () => {
  api = await TestApi.start(freshWorld(), (dependencies) => ({
    ...dependencies,
    log,
    // Nobody listens there.
    oidc: { issuer: 'http://127.0.0.1:1', audience: 'berth' },
    requestBounds: { ...dependencies.requestBounds, unauthenticated: { perSecond: 0.001, burst: 5 } },
  }));
});
afterAll(() => api.stop());

test('while the issuer is away, tokens that may be its are counted as those of strangers, and fill no log', async () => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${encoded({ alg: 'RS256', kid: 'any' })}.${encoded({ sub: 'mia' })}.${encoded('signature')}`;
  const codes = [];
  for (let asked = 0; asked < 7; asked++) codes.push((await api.client.get<ProblemBody>(instances, { authorization: `Bearer ${token}` })).body.code);
  expect(codes).toEqual([...new Array<string>(5).fill('dependency_unavailable'), 'rate_limited', 'rate_limited']);
  expect(logged.filter(({ level }) => level >= pino.levels.values['error']!)).toEqual([]);
  expect(logged.filter(({ msg }) => msg.includes('could not be fetched'))).not.toEqual([]);
});
