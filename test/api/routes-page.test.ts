import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scopes } from '../../src/domain/scopes';
import type { ServedDocument } from '../support/routes-page';
import { routesPage } from '../support/routes-page';
import { TestApi } from './support/test-api';

/** `BERTH_WRITE_DOCS=true npx jest test/api/routes-page.test.ts` writes the page anew after a change of routes. */
const file = join(__dirname, '../../docs/routes.md');
let api: TestApi;
let page: string;
beforeAll(async () => {
  api = await TestApi.start();
  page = routesPage((await api.client.get<ServedDocument>('/openapi.json')).body);
  if (process.env['BERTH_WRITE_DOCS'] === 'true') writeFileSync(file, page);
});
afterAll(() => api.stop());

test('docs/routes.md says what the server serves', () => {
  expect(readFileSync(file, 'utf8')).toBe(page);
});

test('every scope that can be given leads to a route, or to a field of one', () => {
  const needed = [...page.matchAll(/\| `([a-z-]+:[a-z-]+)` \|/g)].map(([, scope]) => scope);
  expect(scopes.filter((scope) => !needed.includes(scope))).toEqual(['quotas:write', 'principals:link']);
});
