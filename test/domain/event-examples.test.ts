import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventTypes } from '../../src/domain/event-catalogue';
import { dataVersionOf, upcast } from '../../src/domain/event-types';
import type { CloudEvent } from '../../src/domain/events';
import type { ObjectState } from '../../src/domain/object-state';
import { applyEvent, changeTypeOf } from '../../src/domain/object-state';
import { todaysEvents } from '../support/event-examples';

/**
 * Events as they were written, one file for every version of the data of every type: `<type>.v<version>.json`. The
 * record keeps all of them for ever, so a file is never changed. Where the data of a type gets another shape, its
 * version rises in src/domain/event-types.ts with an upcaster, and test/support/write-event-examples.ts stores the new one.
 */
const directory = join(__dirname, 'event-examples');

const files = readdirSync(directory);
const examples = files.map((file): [string, CloudEvent] => [file, JSON.parse(readFileSync(join(directory, file), 'utf8')) as CloudEvent]);
const today = new Map(todaysEvents().map((event) => [event.type, JSON.parse(JSON.stringify(event)) as CloudEvent]));

/** An object as it was before an event, as far as the fold looks. */
function before(event: CloudEvent): ObjectState | undefined {
  if (event.sequence === 1) return undefined;
  const created = [...today.values()].find(({ kind, type }) => kind === event.kind && type.endsWith('.created'))!;
  return { ...applyEvent(undefined, created), id: event.subject, sequence: event.sequence - 1 };
}

test('every version of every type of event has its example, and nothing else has', () => {
  const versionsOf = (type: string) => Array.from({ length: dataVersionOf(type) }, (_, index) => index + 1);
  const expected = eventTypes.flatMap((type) => versionsOf(type).map((version) => `${type}.v${version}.json`));
  expect(files.filter((file) => !expected.includes(file))).toEqual([]);
  expect(expected.filter((file) => !files.includes(file))).toEqual([]);
});

test('decisions write the types that are listed, and no others', () => {
  expect([...today.keys()].sort()).toEqual([...eventTypes].sort());
});

test.each(examples)('%s is of its type and version, becomes what is written today, and folds', (file, stored) => {
  expect(`${stored.type}.v${stored.dataschemaversion}.json`).toBe(file);
  const event = upcast(stored);
  expect(event.dataschemaversion).toBe(dataVersionOf(event.type));
  expect(event.data).toEqual(today.get(event.type)!.data);

  const state = applyEvent(before(event), event);
  const { spec, status, released, to } = event.data as { spec?: unknown; status?: { phase?: string }; released?: unknown; to?: string };
  if (spec !== undefined) expect(state.spec).toEqual(spec);
  if (status !== undefined) expect(state.status).toEqual(status);
  expect(status?.phase).toBe(to ?? status?.phase);
  if (released !== undefined) expect(state.allocation).toBeUndefined();
  expect(state.status === undefined).toBe(['WorkerTemplate', 'Principal', 'Token', 'Org', 'Project'].includes(event.kind));
  expect(changeTypeOf(event)).toBe(event.sequence === 1 ? 'created' : /(terminated|deleted|retired)$/.test(event.type) ? 'deleted' : 'updated');
});

test('the newest example of each type is the whole event as it is written today', () => {
  for (const [, event] of examples) if (event.dataschemaversion === dataVersionOf(event.type)) expect(event).toEqual(today.get(event.type));
});

test('no event tells of a secret', () => {
  expect(JSON.stringify(examples)).not.toMatch(/agentTokenHash|berth_|ffffffff/);
});
