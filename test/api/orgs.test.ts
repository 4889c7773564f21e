import type { ChangedOrgView, OrgView } from '../../src/api/orgs/schemas';
import type { ProjectView } from '../../src/api/projects/schemas';
import { keys } from '../../src/stores/etcd/keys';
import { made, principals, somebody } from './support/access';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, templates, smallTemplate, webDocument } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

const orgs = '/api/v1/orgs';
const projects = '/api/v1/projects';

const world = freshWorld();
let api: TestApi;
let other: TestApi;
beforeAll(async () => {
  api = await TestApi.start(world);
  other = await TestApi.start(world);
});
afterAll(async () => {
  await api.stop();
  await other.stop();
});

let count = 0;
async function newOrg(): Promise<OrgView> {
  const org = await made(api.client.post<OrgView>(orgs, { name: `org-${++count}` }));
  await upToDate();
  return org;
}

/** Every replica knows all that was committed. */
async function upToDate(): Promise<void> {
  const revision = await api.dependencies.etcd.revision();
  for (const { dependencies } of [api, other]) await dependencies.cache.waitForRevision(revision, 5_000);
}

async function keysOf(id: string): Promise<string[]> {
  return Object.keys(await api.keys()).filter((key) => key.includes(id) && !key.startsWith('outbox/') && !key.startsWith('idempotency/'));
}

test('an org is created, renamed in one commit, suspended and resumed', async () => {
  const { id } = await made(api.client.post<OrgView>(orgs, { name: 'acme', quota: { instances: 3 } }));
  expect((await api.client.get<OrgView>(`${orgs}/${id}`)).body).toMatchObject({ id, org: id, spec: { name: 'acme', displayName: 'acme', suspended: false, closing: false, quota: { instances: 3 } } });
  expect(await api.client.post(orgs, { name: 'acme' })).toMatchObject({ status: 409, body: { code: 'org_exists', existingId: id } });

  const preview = await api.client.patch<ChangedOrgView>(`${orgs}/${id}?dryRun=true`, { name: 'ajax' });
  expect(preview.body).toMatchObject({ dryRun: true, spec: { name: 'acme' }, changes: [{ path: 'spec.name', before: 'acme', after: 'ajax' }] });
  const renamed = await api.client.patch<ChangedOrgView>(`${orgs}/${id}`, { name: 'ajax', displayName: 'Ajax', quota: { instances: null } });
  expect(renamed).toMatchObject({ status: 200, body: { spec: { name: 'ajax', displayName: 'Ajax', quota: {} } } });
  expect(await api.dependencies.etcd.get(keys.orgName('acme'))).toBeUndefined();
  expect(await api.dependencies.etcd.get(keys.orgName('ajax'))).toMatchObject({ value: { id } });
  expect(await api.client.patch(`${orgs}/${id}`, { displayName: 'x' }, { 'if-match': '"1"' })).toMatchObject({ status: 412 });

  expect(await api.client.post(`${orgs}/${id}/suspend`)).toMatchObject({ status: 200, body: { spec: { suspended: true } } });
  expect(await api.client.post(definitions + `?org=${id}`, webDocument())).toMatchObject({ status: 403, body: { code: 'org_suspended' } });
  expect(await api.client.post(`${orgs}/${id}/resume`)).toMatchObject({ status: 200, body: { spec: { suspended: false } } });
  expect((await api.client.get<{ items: Array<{ type: string }> }>(`${orgs}/${id}/history?minRevision=${await api.dependencies.etcd.revision()}`)).body.items.map(({ type }) => type)).toEqual([
    'berth.org.created',
    'berth.org.updated',
    'berth.org.suspended',
    'berth.org.resumed',
  ]);
});

test('a name that two orgs ask for at once is one org’s', async () => {
  const replies = await Promise.all([api, other, api, other].map(({ client }) => client.post<OrgView>(orgs, { name: 'wanted' })));
  expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
});

test('the org `default` may be given a head, and is never deleted; `platform` is nobody’s name', async () => {
  expect(await api.client.get(`${orgs}/default`)).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
  expect(await api.client.post(orgs, { name: 'default', quota: { definitions: 1000 } })).toMatchObject({ status: 201, body: { id: 'default' } });
  await made(api.client.post(definitions, webDocument({ name: 'of-default' })));
  expect(await api.client.delete(`${orgs}/default`)).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
  expect(await api.client.patch(`${orgs}/default`, { name: 'another' })).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
  expect(await api.client.post(orgs, { name: 'platform' })).toMatchObject({ status: 409, body: { code: 'org_exists' } });
});

test('an admin of an org sees his own and says how it is shown, and names, bounds, suspends, creates and deletes none', async () => {
  const [own, foreign] = [await newOrg(), await newOrg()];
  const { headers } = await somebody(api, { org: own.id, roles: ['admin'] });
  expect((await api.client.get<{ items: OrgView[] }>(orgs, headers)).body.items.map(({ id }) => id)).toEqual([own.id]);
  expect(await api.client.patch(`${orgs}/${own.id}`, { displayName: 'ours' }, headers)).toMatchObject({ status: 200 });
  const missing = { status: 404, body: { code: 'org_not_found' } };
  for (const id of [foreign.id, 'o-none', 'default', 'platform']) {
    expect(await api.client.get(`${orgs}/${id}`, headers)).toMatchObject(missing);
    expect(await api.client.patch(`${orgs}/${id}`, { displayName: 'theirs' }, headers)).toMatchObject(missing);
    expect(await api.client.delete(`${orgs}/${id}`, headers)).toMatchObject(missing);
  }
  const before = await api.keys();
  for (const refused of [
    api.client.patch(`${orgs}/${own.id}`, { quota: null }, headers),
    // Whether a name is taken would tell of other orgs.
    api.client.patch(`${orgs}/${own.id}?dryRun=true`, { name: foreign.spec.name }, headers),
    api.client.patch(`${orgs}/${own.id}`, { name: 'default' }, headers),
    api.client.post(`${orgs}/${own.id}/suspend`, undefined, headers),
    api.client.post(`${orgs}/${own.id}/resume`, undefined, headers),
    api.client.delete(`${orgs}/${own.id}`, headers),
    api.client.post(orgs, { name: 'mine' }, headers),
  ]) expect(await refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(await api.keys()).toEqual(before);
});

test('projects are of an org, and their names are taken once in it', async () => {
  const [own, foreign] = [await newOrg(), await newOrg()];
  const { headers } = await somebody(api, { org: own.id, roles: ['admin'] });
  const project = await made(api.client.post<ProjectView>(projects, { name: 'lab' }, headers));
  expect(project).toMatchObject({ org: own.id, project: project.id, spec: { name: 'lab', closing: false } });
  expect(await api.client.post(projects, { name: 'lab' }, headers)).toMatchObject({ status: 409, body: { code: 'project_exists', existingId: project.id } });
  expect(await api.client.post(projects, { name: 'lab', org: foreign.id })).toMatchObject({ status: 201, body: { org: foreign.id } });
  expect(await api.client.post(projects, { name: 'default' }, headers)).toMatchObject({ status: 409, body: { code: 'project_exists' } });
  expect(await api.client.post(projects, { name: 'x', org: foreign.id }, headers)).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
  expect((await api.client.get<{ items: ProjectView[] }>(projects, headers)).body.items.map(({ id }) => id)).toEqual([project.id]);
  expect(await api.client.patch(`${projects}/${project.id}`, { name: 'labs' }, headers)).toMatchObject({ status: 200, body: { spec: { name: 'labs' } } });

  const confined = await somebody(api, { org: own.id, roles: ['developer'], projects: [project.id] });
  await upToDate();
  expect(await api.client.delete(`${projects}/${project.id}`, headers)).toMatchObject({ status: 409, body: { code: 'project_not_empty', counts: { Principal: 1 } } });
  expect(await made(api.client.post(definitions, webDocument(), confined.headers))).toMatchObject({ org: own.id, project: project.id });
  expect(await api.client.delete(`${projects}/${project.id}`, headers)).toMatchObject({ status: 409, body: { counts: { Principal: 1, Definition: 1 } } });
  expect((await api.client.get(`${projects}/${project.id}`, headers)).body).toMatchObject({ spec: { closing: false } });
});

test('a project that is empty goes, with its name and its account', async () => {
  const own = await newOrg();
  const project = await made(api.client.post<ProjectView>(projects, { name: 'short', org: own.id }));
  expect(await api.client.delete(`${projects}/${project.id}`)).toMatchObject({ status: 200, body: { id: project.id, spec: { closing: true } } });
  expect(await keysOf(project.id)).toEqual([]);
  expect(await api.client.post(projects, { name: 'short', org: own.id })).toMatchObject({ status: 201 });
});

test('an org goes once nothing lives in it, and is told what does until then', async () => {
  const { id } = await newOrg();
  await made(api.client.post(`${definitions}?org=${id}`, webDocument()));
  const definition = (await api.client.get<{ items: Array<{ id: string }> }>(`${definitions}?org=${id}`)).body.items[0]!;
  const instance = await made(api.client.post<{ id: string }>(instances, { definition: { id: definition.id }, org: id }));
  const template = await made(api.client.post<{ id: string }>(templates, { ...smallTemplate, org: id }));
  const { principal } = await somebody(api, { org: id });
  await upToDate();

  const refused = await other.client.delete<ProblemBody>(`${orgs}/${id}`);
  expect(refused).toMatchObject({ status: 409, body: { code: 'org_not_empty', counts: { Instance: 1, Definition: 1, WorkerTemplate: 1, Principal: 1, Token: 1 } } });
  expect(refused.body['objects']).toContainEqual({ kind: 'Instance', id: instance.id });
  expect((await api.client.get(`${orgs}/${id}`)).body).toMatchObject({ spec: { closing: false } });

  await api.client.delete(`${instances}/${instance.id}`);
  await new Lifecycle(api).finish(instance.id);
  expect(await api.client.post(`${definitions}/${definition.id}/deprecate`)).toMatchObject({ status: 200 });
  expect(await api.client.delete(`${definitions}/${definition.id}`)).toMatchObject({ status: 200 });
  expect(await api.client.delete(`${templates}/${template.id}`)).toMatchObject({ status: 200 });
  expect(await api.client.delete(`${principals}/${principal.id}`)).toMatchObject({ status: 200 });

  const gone = await other.client.delete(`${orgs}/${id}`, { 'idempotency-key': 'once' });
  expect(gone).toMatchObject({ status: 200, body: { id, spec: { closing: true } } });
  // What has ended is history, and retires by itself: nothing else of the org is there.
  expect((await keysOf(id)).filter((key) => !key.startsWith('instances/') && !key.startsWith('definitions/'))).toEqual([]);
  expect(await api.client.delete(`${orgs}/${id}`)).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
  expect(await api.client.post(instances, { definition: { id: definition.id }, org: id })).toMatchObject({ status: 404, body: { code: 'org_not_found' } });
});

test('a deletion that died between its steps is finished by the next one, or taken back by resume', async () => {
  const [one, two] = [await newOrg(), await newOrg()];
  for (const { id } of [one, two]) {
    const entry = (await api.dependencies.etcd.get(keys.orgSpec(id)))!;
    await api.dependencies.etcd.raw.put(api.dependencies.etcd.key(keys.orgSpec(id))).value(JSON.stringify({ ...(entry.value as object), closing: true }));
  }
  await upToDate();
  expect(await api.client.post(`${definitions}?org=${one.id}`, webDocument())).toMatchObject({ status: 409, body: { code: 'org_closing' } });
  expect(await api.client.delete(`${orgs}/${one.id}`)).toMatchObject({ status: 200 });
  expect(await api.client.post(`${orgs}/${two.id}/resume`)).toMatchObject({ status: 200, body: { spec: { closing: false } } });
  expect(await api.client.post(`${definitions}?org=${two.id}`, webDocument())).toMatchObject({ status: 201 });
});

test.each([
  ['before it is closed', '/closing.', { admitted: 201, deleted: 409 }],
  ['after it was found empty', '/retire.', { admitted: 409, deleted: 200 }],
])('what comes into an org that is being deleted %s is found, or refused', async (_when, step, outcome) => {
  const { id } = await newOrg();
  let admitted = 0;
  const deleting = await TestApi.start(world, (dependencies) => {
    const { committer } = dependencies;
    const commit: typeof committer.commit = async (decision) => {
      if (decision.id.includes(step) && admitted === 0) {
        await upToDate();
        ({ status: admitted } = await other.client.post(`${definitions}?org=${id}`, webDocument()));
      }
      return committer.commit(decision);
    };
    return { ...dependencies, committer: Object.assign(Object.create(committer) as typeof committer, { commit }) };
  });
  const { status: deleted } = await deleting.client.delete(`${orgs}/${id}`);
  await deleting.stop();
  expect({ admitted, deleted }).toEqual(outcome);
  expect((await api.dependencies.etcd.get(keys.orgSpec(id))) === undefined).toBe(deleted === 200);
});

test('of a deletion and an admission through another server one wins, and nothing is orphaned', async () => {
  const won = { deletion: 0, admission: 0 };
  for (let round = 0; round < 40; round++) {
    const { id } = await newOrg();
    const later = round % 4;
    const admit = async () => {
      for (let turn = 0; turn < later; turn++) await new Promise(setImmediate);
      return other.client.post<{ id: string }>(`${definitions}?org=${id}`, webDocument({ name: `of-${round}` }));
    };
    const [deleted, admitted] = await Promise.all([api.client.delete<ProblemBody>(`${orgs}/${id}`), admit()]);
    const head = await api.dependencies.etcd.get(keys.orgSpec(id));
    const isThere = admitted.status === 201;
    // Both may be refused: the one found the org closed, the other one changed under it.
    if (isThere) expect({ deleted: deleted.status, head }).toMatchObject({ deleted: 409, head: { value: { closing: false } } });
    if (deleted.status === 200) {
      expect([404, 409]).toContain(admitted.status);
      expect({ head, left: await keysOf(id) }).toEqual({ head: undefined, left: [] });
    }
    if (isThere) won.admission += 1;
    else if (deleted.status === 200) won.deletion += 1;
  }
  expect(won.deletion).toBeGreaterThan(0);
  expect(won.deletion + won.admission).toBe(40);
}, 120_000);
