import { TestApi } from './support/test-api';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: Readonly<Record<string, unknown>> }>;
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
}

let api: TestApi;
let document: Document;
let operations: Array<{ route: string; path: string; method: string; operation: Operation }>;
beforeAll(async () => {
  api = await TestApi.start();
  document = (await api.client.get<Document>('/openapi.json')).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, path, method, operation })),
  );
});
afterAll(() => api.stop());

test('every route is there', () => {
  expect(operations.map(({ route }) => route).sort()).toEqual(
    [
      'GET /health',
      'GET /ready',
      'GET /metrics',
      'POST /api/v1/definitions',
      'GET /api/v1/definitions',
      'GET /api/v1/definitions/by-name/{name}/versions',
      'GET /api/v1/definitions/{id}',
      'GET /api/v1/definitions/{id}/history',
      'GET /api/v1/definitions/{id}/snapshot',
      'POST /api/v1/definitions/{id}/sync',
      'POST /api/v1/definitions/{id}/deprecate',
      'DELETE /api/v1/definitions/{id}',
      'POST /api/v1/instances',
      'GET /api/v1/instances',
      'GET /api/v1/instances/{id}',
      'GET /api/v1/instances/{id}/history',
      'GET /api/v1/instances/{id}/snapshot',
      'GET /api/v1/instances/{id}/timeline',
      'GET /api/v1/instances/{id}/events',
      'PATCH /api/v1/instances/{id}',
      'POST /api/v1/instances/{id}/rollback',
      'GET /api/v1/events',
      'GET /api/v1/quota',
      'GET /api/v1/orgs/{id}/history',
      'GET /api/v1/orgs/{id}/snapshot',
      'POST /api/v1/orgs',
      'GET /api/v1/orgs',
      'GET /api/v1/orgs/{id}',
      'PATCH /api/v1/orgs/{id}',
      'POST /api/v1/orgs/{id}/suspend',
      'POST /api/v1/orgs/{id}/resume',
      'DELETE /api/v1/orgs/{id}',
      'GET /api/v1/projects/{id}/history',
      'GET /api/v1/projects/{id}/snapshot',
      'POST /api/v1/projects',
      'GET /api/v1/projects',
      'GET /api/v1/projects/{id}',
      'PATCH /api/v1/projects/{id}',
      'DELETE /api/v1/projects/{id}',
      'POST /api/v1/instances/{id}/start',
      'POST /api/v1/instances/{id}/stop',
      'POST /api/v1/instances/{id}/retry',
      'DELETE /api/v1/instances/{id}',
      'GET /api/v1/worker-templates/{id}/history',
      'GET /api/v1/worker-templates/{id}/snapshot',
      'POST /api/v1/principals',
      'GET /api/v1/principals',
      'GET /api/v1/principals/{id}',
      'PATCH /api/v1/principals/{id}',
      'DELETE /api/v1/principals/{id}',
      'POST /api/v1/tokens',
      'GET /api/v1/tokens',
      'GET /api/v1/tokens/{id}',
      'POST /api/v1/tokens/{id}/rotate',
      'DELETE /api/v1/tokens/{id}',
      'POST /api/v1/worker-templates',
      'GET /api/v1/worker-templates',
      'GET /api/v1/worker-templates/{id}',
      'DELETE /api/v1/worker-templates/{id}',
      'POST /api/v1/workers',
      'GET /api/v1/workers',
      'GET /api/v1/workers/{id}',
      'GET /api/v1/workers/{id}/history',
      'GET /api/v1/workers/{id}/snapshot',
      'GET /api/v1/workers/{id}/timeline',
      'GET /api/v1/workers/{id}/capacity',
      'GET /api/v1/workers/{id}/ports',
      'GET /api/v1/workers/{id}/instances',
      'PATCH /api/v1/workers/{id}',
      'POST /api/v1/workers/{id}/rollback',
      'POST /api/v1/workers/{id}/retry',
      'DELETE /api/v1/workers/{id}',
      'GET /api/v1/audit',
      'GET /api/v1/admin/objects/{kind}/{id}/events',
      'GET /api/v1/admin/projections',
      'POST /api/v1/admin/projections/{name}/rebuild',
      'GET /api/v1/admin/leaders',
      'GET /api/v1/admin/invariants',
      'POST /api/v1/admin/invariants/repair',
      'GET /api/v1/admin/stuck',
      'POST /api/v1/admin/stuck/{kind}/{id}/nudge',
      'POST /api/v1/admin/nudge-all',
      'GET /api/v1/admin/store',
      'POST /api/v1/admin/store/compact',
      'POST /api/v1/admin/store/defragment',
      'POST /api/v1/admin/store/disarm',
      'POST /api/internal/v1/workers/{id}/register',
      'POST /api/internal/v1/workers/{id}/heartbeat',
      'GET /api/internal/v1/workers/{id}/plan',
      'POST /api/internal/v1/workers/{id}/observations',
      'GET /api/internal/v1/workloads/{sha256}',
    ].sort(),
  );
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
  expect(references.length).toBeGreaterThan(50);
  const missing = references.filter((reference) => document.components.schemas[reference.replace('#/components/schemas/', '')] === undefined);
  expect(missing).toEqual([]);
});

test('every operation has a name of its own, a summary, its path’s parameters, and documented answers', () => {
  expect(document.openapi).toMatch(/^3\./);
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  for (const { route, path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect({ route, declared }).toEqual({ route, declared: inPath });
    expect(operation.summary.length).toBeGreaterThan(5);
    const success = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
    expect({ route, answers: success.length }).toEqual({ route, answers: 1 });
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(response.description).toBeDefined();
      if (Number(status) >= 400) expect(Object.keys(response.content!)).toEqual(['application/problem+json']);
    }
  }
});

test('reads say how fresh they are and take minRevision; changes take an idempotency key, and acts of operators are repeatable', () => {
  const published = operations.filter(({ path }) => path.startsWith('/api/v1/'));
  for (const { route, path, method, operation } of published) {
    const names = operation.parameters.map(({ name }) => name);
    if (method === 'get') {
      expect({ route, description: operation.description }).toEqual({ route, description: expect.stringMatching(/Consistency: (eventual|read-your-writes)/) });
      expect({ route, names }).toEqual({ route, names: expect.arrayContaining(['minRevision', 'timeout']) });
    } else if (path.startsWith('/api/v1/admin/')) {
      expect({ route, description: operation.description }).toEqual({ route, description: expect.stringContaining('Repeatable') });
    } else {
      expect({ route, names }).toEqual({ route, names: expect.arrayContaining(['Idempotency-Key']) });
      expect(operation.responses['409']?.description).toContain('idempotency_key_reuse');
    }
  }
});

test('what is decided before a request comes to its route is documented at every route', () => {
  for (const { route, operation } of operations) {
    expect({ route, statuses: Object.keys(operation.responses) }).toEqual({ route, statuses: expect.arrayContaining(['400', '408', '413', '415', '429', '431', '500']) });
  }
});

test('notations say how they are written, and maps what their keys may be', () => {
  const { timeout, limit } = Object.fromEntries(document.paths['/api/v1/instances']!['get']!.parameters.map((parameter) => [parameter.name, parameter.schema]));
  expect(limit).toMatchObject({ type: 'integer', minimum: 1 });
  expect('1h30m').toMatch(new RegExp(timeout!['pattern'] as string));
  expect('soon').not.toMatch(new RegExp(timeout!['pattern'] as string));
  expect(document.components.schemas['CreateInstance']).toMatchObject({ properties: { labels: { propertyNames: { type: 'string' }, maxProperties: 64 } } });
});

test('definitions may be sent as JSON or YAML', () => {
  const { requestBody } = document.paths['/api/v1/definitions']!['post']!;
  expect(Object.keys(requestBody!.content)).toEqual(['application/json', 'application/yaml']);
});

test('schemas refuse what they do not know, and secrets are in none', () => {
  expect(document.components.schemas['CreateInstance']).toMatchObject({ additionalProperties: false, required: ['definition'] });
  expect(JSON.stringify(document)).not.toContain('agentTokenHash');
});

test('the page loads nothing from outside', async () => {
  const page = await api.client.get<string>('/docs');
  expect(page).toMatchObject({ status: 200 });
  const addresses = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!).filter((address) => !address.startsWith('#'));
  expect(addresses.length).toBeGreaterThan(3);
  for (const address of addresses) {
    expect(address).toMatch(/^\.\//);
    expect(await api.client.get(new URL(address, `${api.url}/docs`).pathname)).toMatchObject({ status: 200 });
  }
  const start = await api.client.get<string>('/docs/swagger-ui-init.js');
  expect(start.body).toContain('"validatorUrl": null');
});
