import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import type { Request, Response } from 'express';
import { networkOf } from '../../../src/api/limits/address';
import type { RequestBounds } from '../../../src/api/limits/request-bounds';
import { RequestLimits } from '../../../src/api/limits/request-limits';
import { ApiProblem } from '../../../src/api/http/problem';
import { platformOrg } from '../../../src/domain/header';

const wide = { perSecond: 1_000, burst: 1_000 };

function limits(bounds: Partial<RequestBounds>): RequestLimits {
  return new RequestLimits({ requestBounds: { perPrincipal: wide, perOrg: wide, unauthenticated: wide, perAgent: wide, ...bounds } });
}

/** A request as far as limits look at one, and its answer. */
function exchange({ url = '/api/v1/instances', accept = 'application/json', address = '192.0.2.1' } = {}) {
  const headers = new Map<string, string>();
  const query = Object.fromEntries(new URLSearchParams(url.split('?')[1]));
  const socket = { remoteAddress: address };
  const request = { url, query, accepts: (kinds: string[]) => (kinds.includes(accept) ? accept : kinds[0]), socket } as unknown as Request;
  const response = Object.assign(new EventEmitter(), { closed: false, socket, setHeader: (name: string, value: string) => headers.set(name, value) }) as unknown as Response;
  return { request, response, headers };
}

const caller = (id: string, org = 'o-1') => ({ id, type: 'service' as const, org });

/** What entering came to: the headers, or the problem. */
function enter(of: RequestLimits, who: Parameters<RequestLimits['enter']>[0], request: Parameters<typeof exchange>[0] = {}) {
  const made = exchange(request);
  try {
    of.enter(who, made.request, made.response);
    return made;
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    return { ...made, problem: error };
  }
}

const allowedOf = (outcomes: ReadonlyArray<object>) => outcomes.filter((outcome) => !('problem' in outcome)).length;
const times = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));

test('each principal has a rate of his own, and is told what is left of it and when he may ask again', () => {
  const of = limits({ perPrincipal: { perSecond: 0.5, burst: 3 } });
  const first = enter(of, caller('p-1'));
  expect(Object.fromEntries(first.headers)).toEqual({
    'RateLimit-Policy': '"principal";q=3;w=6, "org";q=1000;w=1',
    RateLimit: '"principal";r=2;t=2, "org";r=999;t=1',
  });
  expect(allowedOf(times(5, () => enter(of, caller('p-1'))))).toBe(2);
  const refused = enter(of, caller('p-1'));
  expect(refused).toMatchObject({ problem: { code: 'rate_limited', options: { headers: { 'retry-after': '2' }, members: { policy: 'principal', burst: 3 } } } });
  expect(refused.headers.get('RateLimit')).toBe('"principal";r=0;t=6');
  expect(enter(of, caller('p-2'))).not.toHaveProperty('problem');
});

test('the principals of an org share a rate, who is refused for himself takes nothing of it, and other orgs have their own', () => {
  const of = limits({ perPrincipal: { perSecond: 0.001, burst: 2 }, perOrg: { perSecond: 0.001, burst: 5 } });
  expect(allowedOf(times(50, () => enter(of, caller('greedy'))))).toBe(2);
  expect(allowedOf(times(10, (index) => enter(of, caller(`p-${index}`))))).toBe(3);
  expect(enter(of, caller('late'))).toMatchObject({ problem: { code: 'rate_limited', options: { members: { policy: 'org' } } } });
  expect(enter(of, caller('elsewhere', 'o-2'))).not.toHaveProperty('problem');
  // Those who run Berth are no org that could use up its rate.
  expect(allowedOf(times(10, (index) => enter(of, caller(`operator-${index}`, platformOrg))))).toBe(10);
});

test('an agent has the rate of agents, whosever its worker is', () => {
  const of = limits({ perPrincipal: { perSecond: 0.001, burst: 1 }, perOrg: { perSecond: 0.001, burst: 1 }, perAgent: { perSecond: 0.001, burst: 4 } });
  const agent = { id: 'w-1', type: 'worker' as const, org: 'o-1' };
  expect(allowedOf(times(10, () => enter(of, agent)))).toBe(4);
  expect(enter(of, agent)).toMatchObject({ problem: { options: { members: { policy: 'agent' } } } });
});

test('requests without a known credential have a rate by where they come from', () => {
  const of = limits({ unauthenticated: { perSecond: 0.001, burst: 2 } });
  const unknown = (address: string) => {
    const { request, response } = exchange({ address });
    return () => of.enterUnknown(request, response);
  };
  unknown('192.0.2.1')();
  unknown('::ffff:192.0.2.1')();
  expect(unknown('192.0.2.1')).toThrow('from this address');
  expect(unknown('192.0.2.2')).not.toThrow();
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['unknown', 'unknown'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test('a server allows its share, which changes with the number of those that live', () => {
  let servers = 2;
  const of = limits({ perPrincipal: { perSecond: 0.002, burst: 10 }, servers: () => servers });
  expect(enter(of, caller('p-1')).headers.get('RateLimit-Policy')).toContain('"principal";q=5;w=5000');
  expect(allowedOf(times(20, () => enter(of, caller('p-1'))))).toBe(4);
  servers = 5;
  expect(allowedOf(times(20, () => enter(of, caller('p-2'))))).toBe(2);
  servers = 100;
  expect(allowedOf(times(20, () => enter(of, caller('p-3'))))).toBe(1);
});

test.each([
  ['requests', 'request', {}, { openRequestsMax: 3 }],
  ['waits for a phase', 'wait', { url: '/api/v1/instances/i-1?waitFor=RUNNING' }, { openRequestsMax: 3 }],
  ['waits for events', 'wait', { url: '/api/v1/events?wait=30s' }, { openRequestsMax: 3 }],
  ['streams', 'stream', { url: '/api/v1/events', accept: 'text/event-stream' }, { streamsMax: 3 }],
])('a caller has so many %s open and no more, until one of them is over', (_what, kind, request, bounds) => {
  const of = limits(bounds);
  const open = times(3, () => enter(of, caller('p-1'), request));
  expect(allowedOf(open)).toBe(3);
  const refused = enter(of, caller('p-1'), request);
  expect(refused).toMatchObject({ problem: { code: 'too_many_requests_in_flight', options: { members: { kind, limit: 3 }, headers: { 'retry-after': '1' } } } });
  // Others are not meant, nor other kinds.
  expect(enter(of, caller('p-2'), request)).not.toHaveProperty('problem');
  expect(enter(of, caller('p-1'), kind === 'request' ? { url: '/x?waitFor=RUNNING' } : {})).not.toHaveProperty('problem');
  (open[1]!.response as unknown as EventEmitter).emit('close');
  expect(allowedOf(times(2, () => enter(of, caller('p-1'), request)))).toBe(1);
});

test('a request whose client left before it was known who he is is not open', () => {
  const of = limits({ openRequestsMax: 1 });
  for (let asked = 0; asked < 3; asked++) {
    const { request, response } = exchange();
    of.enter(caller('p-1'), request, Object.assign(response, { closed: true }));
  }
  expect(enter(of, caller('p-1'))).not.toHaveProperty('problem');
});

test('whoever else asks, and however fast they may, nobody gets more than the burst of his rate and what the time brings', () => {
  const rate = fc.record({ perSecond: fc.constantFrom(1 / 60, 0.5, 5, 500), burst: fc.integer({ min: 1, max: 4 }) });
  const asked = fc.array(fc.record({ who: fc.constantFrom('a', 'b', 'c', 'agent', 'stranger'), pauseMs: fc.integer({ min: 0, max: 500 }) }), { minLength: 1, maxLength: 100 });
  const clock = jest.spyOn(performance, 'now');
  fc.assert(
    fc.property(rate, rate, rate, asked, (perPrincipal, perAgent, unauthenticated, asks) => {
      const of = limits({ perPrincipal, perAgent, unauthenticated, openRequestsMax: 1_000 });
      let nowMs = 0;
      const allowed = asks.filter(({ who, pauseMs }, index) => {
        clock.mockReturnValue((nowMs += pauseMs));
        if (who !== 'stranger') return !('problem' in enter(of, who === 'agent' ? { id: who, type: 'worker', org: 'o-1' } : caller(who)));
        const { request, response } = exchange({ address: `192.0.2.${index}` });
        of.enterUnknown(request, response);
        return false;
      });
      for (const who of ['a', 'b', 'c', 'agent']) {
        const { burst, perSecond } = who === 'agent' ? perAgent : perPrincipal;
        expect(allowed.filter((one) => one.who === who).length).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1000 + 1e-6);
      }
    }),
  );
  clock.mockRestore();
});
