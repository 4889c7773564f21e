import { request } from 'node:http';
import type { Committer } from '../../../src/stores/etcd/committer';
import { keys } from '../../../src/stores/etcd/keys';
import { eventually } from '../../support/etcd';
import { principals, somebody, tokens } from '../support/access';
import type { Somebody } from '../support/access';
import type { ProblemBody } from '../support/client';
import { freshWorld, TestApi } from '../support/test-api';

const world = freshWorld();
/** Called before a commit of the one that is asked. */
let beforeCommit: (id: string) => Promise<void> = async () => undefined;
let asked: TestApi;
let other: TestApi;
beforeAll(async () => {
  const watched = (committer: Committer) =>
    Object.assign(Object.create(committer) as Committer, {
      commit: async (decision: Parameters<Committer['commit']>[0]) => {
        await beforeCommit(decision.id);
        return committer.commit(decision);
      },
    });
  [asked, other] = await Promise.all([TestApi.start(world, (same) => ({ ...same, committer: watched(same.committer) })), TestApi.start(world)]);
});
afterAll(() => Promise.all([asked.stop(), other.stop()]));
afterEach(() => void (beforeCommit = async () => undefined));

let count = 0;

async function admin(): Promise<Somebody> {
  const { body } = await other.client.post<{ id: string }>('/api/v1/orgs', { name: `standing-${++count}` });
  return somebody(other, { org: body.id, roles: ['admin'] });
}

/** Sends the head of a request, and its body when that is said. */
function heldBack(path: string, body: unknown, headers: Readonly<Record<string, string>>): { send(): Promise<{ status: number; body: ProblemBody }> } {
  const sent = request(asked.url + path, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } });
  const answered = new Promise<{ status: number; body: ProblemBody }>((resolve, reject) => {
    sent.on('error', reject).on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) as ProblemBody }));
    });
  });
  sent.flushHeaders();
  return {
    send: () => {
      sent.end(JSON.stringify(body));
      return answered;
    },
  };
}

type End = (of: Somebody) => Promise<{ readonly body: unknown }>;

const ends: ReadonlyArray<readonly [string, End, string]> = [
  ['its token is revoked', ({ token }) => other.client.delete(`${tokens}/${token.id}`), 'unauthenticated'],
  ['its principal is disabled', ({ principal }) => other.client.patch(`${principals}/${principal.id}`, { disabled: true }), 'unauthenticated'],
  ['its principal is confined', ({ principal }) => other.client.patch(`${principals}/${principal.id}`, { projects: ['default'] }), 'forbidden'],
  ['its principal may do less', ({ principal }) => other.client.patch(`${principals}/${principal.id}`, { roles: ['developer'] }), 'forbidden'],
  ['its organisation is suspended', ({ principal }) => other.client.post(`/api/v1/orgs/${principal.org}/suspend`), 'org_suspended'],
];

const asks: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
  [tokens, {}],
  [principals, { name: 'accomplice', type: 'user', roles: ['viewer'] }],
  ['/api/v1/projects', { name: 'late' }],
];

test.each(ends)('whoever holds back the body of a request until %s gets nothing by it', async (_what, end, code) => {
  for (const [path, body] of asks) {
    const holder = await admin();
    const holding = heldBack(path, body, holder.headers);
    await eventually('he was let in', async () => (await asked.dependencies.etcd.get(keys.tokenUse(holder.token.id))) !== undefined);
    await end(holder);
    await asked.dependencies.cache.waitForRevision(await asked.dependencies.etcd.revision(), 5_000);
    const before = await asked.keys();
    expect([path, await holding.send()]).toEqual([path, expect.objectContaining({ body: expect.objectContaining({ code }) })]);
    expect(await asked.keys()).toEqual(before);
  }
});

test.each(ends)('a commit that gives access is none once %s, even in the moment before it', async (_what, end, code) => {
  for (const [path, body] of asks.slice(0, 2)) {
    const holder = await admin();
    let ended = false;
    beforeCommit = async (id) => {
      if (ended || !/^(tokens|principals)\/[^/]+\/0\/create/.test(id)) return;
      ended = true;
      await end(holder);
    };
    const reply = await asked.client.post<ProblemBody>(path, body, holder.headers);
    expect([path, ended, reply.body.code]).toEqual([path, true, code]);
    beforeCommit = async () => undefined;
  }
});

test('no token is made for somebody who is disabled', async () => {
  const { principal } = await somebody(other);
  await other.client.patch(`${principals}/${principal.id}`, { disabled: true });
  expect(await asked.client.post(tokens, { principal: principal.id })).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
});
