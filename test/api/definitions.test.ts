import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefinitionView } from '../../src/api/definitions/api-schemas';
import { DefinitionActivation } from '../../src/api/definitions/activation';
import { admitDefinition } from '../../src/domain/definition-admission';
import { parseDefinition } from '../../src/api/definitions/document';
import { sha256Hex } from '../../src/hash';
import { createDecision } from '../../src/stores/etcd/decisions';
import { keys } from '../../src/stores/etcd/keys';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, Objects, webDocument } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
});
afterAll(() => api.stop());

/** Sends a request that must be refused, and shows that it left nothing behind. */
async function refused(send: () => Promise<{ readonly status: number; readonly body: ProblemBody }>): Promise<ProblemBody> {
  const before = await api.keys();
  const { status, body } = await send();
  expect(await api.keys()).toEqual(before);
  expect(body).toMatchObject({ type: `urn:berth:problem:${body.code}`, status, requestId: expect.any(String) });
  return body;
}

test('a definition without an artifact is ACTIVE at once, and shown with its whole document', async () => {
  const reply = await api.client.post<DefinitionView>(definitions, webDocument({ name: 'plain' }));
  expect(reply.status).toBe(201);
  expect(reply.body).toMatchObject({ kind: 'Definition', generation: 1, spec: { name: 'plain', version: '1.0.0' }, status: { phase: 'ACTIVE' } });
  expect(reply.headers.get('location')).toBe(`${definitions}/${reply.body.id}`);
  expect(reply.headers.get('berth-revision')).toBe(reply.body.revision);
  expect(reply.headers.get('etag')).toBe(`"${reply.body.revision}"`);

  const shown = await api.client.get<DefinitionView>(`${definitions}/${reply.body.id}?minRevision=${reply.body.revision}`);
  expect(shown.body).toMatchObject({ id: reply.body.id, document: { name: 'plain', components: [{ name: 'web', stop: { signal: 'SIGTERM' } }] } });
});

test('YAML is the same as JSON', async () => {
  const yaml = 'name: from-yaml\nversion: 1.0.0\ncomponents:\n  - name: web\n    runtime: noop\n';
  const made = await api.client.post<DefinitionView>(definitions, yaml, { 'content-type': 'application/yaml' });
  expect(made.status).toBe(201);
  const again = await api.client.post<ProblemBody>(definitions, { name: 'from-yaml', version: '1.0.0', components: [{ name: 'web', runtime: 'noop' }] });
  expect(again).toMatchObject({ status: 409, body: { code: 'version_exists', existingId: made.body.id, sameContent: true } });
});

test('a version exists once, and never changes', async () => {
  const made = await objects.definition(webDocument({ name: 'once' }));
  const problem = await refused(() => api.client.post<ProblemBody>(definitions, webDocument({ name: 'once', description: 'another' })));
  expect(problem).toMatchObject({ code: 'version_exists', existingId: made.id, sameContent: false, retryable: false });
});

test('of two that register one version at once, one is refused', async () => {
  const asked = Array.from({ length: 8 }, (_, index) => api.client.post<DefinitionView>(definitions, webDocument({ name: 'raced', description: `${index}` })));
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
  expect(statuses).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
});

test.each([
  ['a bad version', webDocument({ version: 'one' }), 'version'],
  ['an unknown field', webDocument({ replicas: 3 }), 'replicas'],
  ['a port twice', webDocument({ ports: [{ name: 'http' }] }), 'ports[0].name'],
  ['no components', { name: 'none', version: '1.0.0' }, 'components'],
])('%s is refused with its path, and nothing changes', async (_what, document, path) => {
  const problem = await refused(() => api.client.post<ProblemBody>(definitions, document));
  expect(problem).toMatchObject({ code: 'invalid_document', status: 400 });
  expect(problem.errors?.map((error) => error.path)).toContain(path);
});

describe('an artifact', () => {
  const text = 'hello from ${PORT_HTTP}\n';
  const withArtifact = (name: string, artifact: Record<string, unknown> = {}) =>
    webDocument({ name, artifact: { uri: 'file:greeting.txt', format: 'text', path: 'greeting.txt', ...artifact } });

  beforeAll(() => writeFileSync(join(api.artifactsDirectory, 'greeting.txt'), text));

  test('is read, checked and stored before the definition is ACTIVE', async () => {
    const sha256 = sha256Hex(text);
    const made = await objects.definition(withArtifact('good', { sha256 }));
    expect(made.status).toMatchObject({ phase: 'ACTIVE', artifact: { sha256, bytes: text.length } });
    await expect(api.dependencies.artifactBodies.get(sha256)).resolves.toBe(text);
    // Two commits: PENDING_SYNC, then ACTIVE.
    expect(Number(made.resourceVersion)).toBe(Number(made.revision));
    expect((await api.dependencies.fresh.definition(made.id)).spec.revision).toBeLessThan(Number(made.revision));
  });

  test.each([
    ['another file than was meant', { sha256: '0'.repeat(64) }, 'artifact_hash_mismatch', 'artifact.sha256'],
    ['a file that is not there', { uri: 'file:nothing.txt' }, 'artifact_not_found', 'artifact.uri'],
    ['a file outside', { uri: 'file:../secret.txt' }, 'artifact_outside', 'artifact.uri'],
    ['not what it should be', { format: 'cml' }, 'artifact_invalid', undefined],
  ])('%s is refused, and nothing changes', async (_what, artifact, code, path) => {
    const problem = await refused(() => api.client.post<ProblemBody>(definitions, withArtifact('bad', artifact)));
    expect(problem).toMatchObject({ code, status: 422 });
    expect(problem.errors?.length).toBeGreaterThan(0);
    if (path !== undefined) expect(problem.errors?.[0]?.path).toBe(path);
  });

  test('of a server that died between its two commits is made up for, once, by whichever replica', async () => {
    const body = parseDefinition(withArtifact('orphan'));
    const contentHash = await api.dependencies.definitionBodies.put(body);
    const { spec, status } = admitDefinition(body, contentHash, { nowMs: Date.now(), mintedId: 'd-orphan', owner: { org: 'default', project: 'default' }, cause: { actor: 'user:test' } });
    const claims = [keys.definitionName('default', 'orphan', '1.0.0')];
    const made = await api.dependencies.committer.commit(
      createDecision({ header: spec, puts: { spec, state: status }, claims, eventType: 'berth.definition.created' }),
    );
    if (made.kind !== 'done') throw new Error(made.kind);
    await api.dependencies.cache.waitForRevision(made.revision, 5_000);

    const replicas = [new DefinitionActivation(api.dependencies), new DefinitionActivation(api.dependencies)];
    await Promise.all(replicas.map((replica) => replica.sweep()));

    const { status: after } = await api.dependencies.fresh.definition('d-orphan');
    expect(after.value).toMatchObject({ phase: 'ACTIVE', sequence: 2, artifact: { sha256: sha256Hex(text) } });
    await replicas[0]!.sweep();
    expect((await api.dependencies.fresh.definition('d-orphan')).status.revision).toBe(after.revision);
  });
});

test('versions of a name are listed, the highest first, deleted ones included', async () => {
  for (const version of ['1.2.0', '1.10.0', '1.9.0-rc.1']) await objects.definition(webDocument({ name: 'many', version }));
  const deleted = await objects.definition(webDocument({ name: 'many', version: '0.1.0' }));
  await api.client.post(`${definitions}/${deleted.id}/deprecate`);
  const { body } = await api.client.delete<DefinitionView>(`${definitions}/${deleted.id}`);

  const listed = await api.client.get<{ items: DefinitionView[] }>(`${definitions}/by-name/many/versions?minRevision=${body.revision}`);
  expect(listed.body.items.map(({ spec }) => spec.version)).toEqual(['1.10.0', '1.9.0-rc.1', '1.2.0', '0.1.0']);
});

test('lists filter by name, phase and label; deleted ones are shown only when asked for', async () => {
  const one = await objects.definition(webDocument({ name: 'filtered', labels: { tier: 'gold' } }));
  const two = await objects.definition(webDocument({ name: 'filtered', version: '2.0.0', labels: { tier: 'tin' } }));
  await api.client.post(`${definitions}/${two.id}/deprecate`);
  const { body } = await api.client.delete<DefinitionView>(`${definitions}/${two.id}`);
  const ids = async (query: string) => {
    const listed = await api.client.get<{ items: DefinitionView[] }>(`${definitions}?name=filtered&minRevision=${body.revision}${query}`);
    expect(listed.status).toBe(200);
    return listed.body.items.map(({ id }) => id);
  };
  await expect(ids('')).resolves.toEqual([one.id]);
  await expect(ids('&phase=DELETED')).resolves.toEqual([two.id]);
  await expect(ids('&phase=DELETED&phase=ACTIVE')).resolves.toEqual([one.id, two.id]);
  await expect(ids('&label=tier=gold')).resolves.toEqual([one.id]);
  await expect(ids('&label=tier=iron')).resolves.toEqual([]);
});

test('only a deprecated version that no instance uses can be deleted', async () => {
  const definition = await objects.definition(webDocument({ name: 'used' }));
  const path = `${definitions}/${definition.id}`;
  const instance = await objects.instance({ definition: { id: definition.id } });
  expect(await refused(() => api.client.delete<ProblemBody>(path))).toMatchObject({ code: 'invalid_transition', phase: 'ACTIVE' });

  const deprecated = await api.client.post<DefinitionView>(`${path}/deprecate`);
  expect(deprecated).toMatchObject({ status: 200, body: { status: { phase: 'DEPRECATED' } } });
  const again = await api.client.post<DefinitionView>(`${path}/deprecate`);
  expect(again).toMatchObject({ status: 200, body: { resourceVersion: deprecated.body.resourceVersion } });
  expect(await refused(() => api.client.delete<ProblemBody>(path))).toMatchObject({
    code: 'definition_in_use',
    instances: [{ id: instance.id, phase: 'PENDING' }],
  });

  await api.client.delete(`/api/v1/instances/${instance.id}`);
  await new Lifecycle(api).finish(instance.id);
  const deleted = await api.client.delete<DefinitionView>(path);
  expect(deleted).toMatchObject({ status: 200, body: { status: { phase: 'DELETED' } } });
});

test('what is not there is 404', async () => {
  for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/deprecate']] as const) {
    const reply = await api.client.request<ProblemBody>(method, `${definitions}/d-none${path}`, undefined, {});
    expect(reply).toMatchObject({ status: 404, body: { code: 'definition_not_found' } });
  }
});
