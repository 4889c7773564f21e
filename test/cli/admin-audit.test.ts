import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/etcd';
import { definitions, Objects } from '../api/support/objects';
import { TestApi } from '../api/support/test-api';
import { berth, cellsOf } from './support';

let api: TestApi;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'berth-audit-'));
  api = await TestApi.start();
  await new Objects(api).definition();
  await api.client.delete(`${definitions}/d-nowhere`);
  await eventually('the refusal is recorded', async () => (await api.client.get<{ items: unknown[] }>('/api/v1/audit?outcome=refused')).body.items.length === 1);
});
afterAll(async () => {
  await api.stop();
  rmSync(directory, { recursive: true });
});

const audit = (...args: readonly string[]) => berth(['admin', 'audit', ...args], { BERTH_API_URL: api.url, BERTH_TOKEN: api.token });

test('the audit is a table, filtered and by pages', async () => {
  const { code, out, err } = await audit();
  expect([code, err]).toEqual([0, '']);
  const [headings, ...rows] = cellsOf(out);
  expect(headings).toEqual(['TIME', 'WHO', 'FROM', 'WHAT', 'OBJECT', 'ORG', 'OUTCOME', 'REQUEST']);
  expect(rows.map(([, who, , what, , , outcome]) => [who, what, outcome])).toEqual([
    [expect.stringMatching(/^user:p-/), 'berth.definition.created', 'done'],
    [expect.stringMatching(/^user:p-/), 'DELETE /api/v1/definitions/:id', 'definition_not_found'],
  ]);
  const first = await audit('--limit', '1');
  const [, cursor] = /more: --cursor (\S+)/.exec(first.out) ?? [];
  expect(cellsOf((await audit('--limit', '1', '--cursor', cursor!)).out)[1]?.[3]).toBe('DELETE /api/v1/definitions/:id');
  expect(cellsOf((await audit('--outcome', 'refused')).out)).toHaveLength(2);
});

test('an export is a file for its owner alone, which is there when it is whole', async () => {
  const file = join(directory, 'audit.jsonl');
  expect(await audit('--export', file, '--outcome', 'done')).toMatchObject({ code: 0, out: `1 line in ${file}\n` });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([expect.objectContaining({ event: 'berth.definition.created' })]);

  const refused = join(directory, 'refused.jsonl');
  expect(await audit('--export', refused, '--from', 'yesterday')).toMatchObject({ code: 1, err: expect.stringContaining('from') });
  expect(existsSync(refused) || existsSync(`${refused}.part`)).toBe(false);
  expect(await audit('--export', join(directory, 'nowhere', 'audit.jsonl'))).toMatchObject({ code: 1, err: expect.stringContaining('cannot be written') });
});
