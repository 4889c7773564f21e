import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { InstanceReply } from '../support/client';
import { Client, noopComponent } from '../support/client';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

let stack: TestStack;
let api: Client;

beforeAll(async () => {
  stack = await startTestStack();
  api = new Client(stack.apis[0]!);
}, 240_000);

afterAll(() => stack?.end(), 60_000);

test('one request is found by its trace in every log and in every event that it led to', async () => {
  await api.makeWorker({ from: 28_300, to: 28_399 });
  const definition = await api.define({ components: [noopComponent] });
  const made = await api.call<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition }, { traceparent, 'x-request-id': 'traced-1' });
  expect(made.status).toBe(201);

  const answered = made.headers.get('traceparent');
  expect(answered).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  expect(answered).not.toBe(traceparent);
  const { items } = await api.must<{ items: ReadonlyArray<Record<string, unknown>> }>('GET', `/instances/${made.body.id}/events`);
  expect(items.length).toBeGreaterThan(2);
  for (const event of items) expect(event).toMatchObject({ traceparent: answered, requestid: 'traced-1' });

  const { id } = made.body;
  const traced = { requestId: 'traced-1', traceId };
  await logged('api-', { ...traced, route: 'POST /api/v1/instances', status: 201 });
  await logged('control-', { ...traced, object: id, step: 'start', outcome: 'done', correlationId: 'traced-1' });
  await logged('agent', { ...traced, instanceId: id, wanted: 'running' });
  await logged('agent', { ...traced, instanceId: id, state: 'running' });
}, 240_000);

test('what a later request wants is traced to that one', async () => {
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition }, { traceparent });
  const other = traceId.replace('4', '5');
  await api.must('POST', `/instances/${id}/stop?waitFor=STOPPED&timeout=60s`, undefined, { traceparent: `00-${other}-00f067aa0ba902b7-00` });
  await logged('agent', { traceId: other, instanceId: id, wanted: 'stopped' });
}, 240_000);

/** Waits for a line that says all this in a log whose file begins with this name. */
async function logged(name: string, said: Readonly<Record<string, unknown>>): Promise<void> {
  await api.until(`${JSON.stringify(said)} in the log of ${name}`, async () => linesOf(name).some((line) => Object.entries(said).every(([key, value]) => line[key] === value)));
}

function linesOf(name: string): Array<Readonly<Record<string, unknown>>> {
  const files = logFiles(join(stack.logsDirectory, '..')).filter((file) => basename(file).startsWith(name));
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1));
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
}

function logFiles(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? logFiles(path) : name.endsWith('.log') ? [path] : [];
  });
}
