import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { History } from '@temporalio/common/lib/proto-utils';
import { temporal } from '@temporalio/proto';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Written by machines about themselves; a replay does not read it. */
const ofTheMachine: Readonly<Record<string, string>> = { identity: 'control', stackTrace: '' };

/** A history as the text of a file, one event a line, without what names the machine that it was recorded on. */
export function portableHistory(history: History): string {
  // The SDK's own historyToJSON fails where npm gives it and its message types a protobufjs each.
  const { events } = temporal.api.history.v1.History.fromObject(history).toJSON() as { events: Json[] };
  const lines = events.map((event) => JSON.stringify(portable(event)));
  return `{"events":[\n${lines.join(',\n')}\n]}\n`;
}

/** A history from a file that portableHistory made. */
export function readHistory(file: string): History {
  return temporal.api.history.v1.History.fromObject(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);
}

function portable(value: Json): Json {
  if (Array.isArray(value)) return value.map(portable);
  if (value === null || typeof value !== 'object') return value;
  // The queue of one process is named after it.
  if (value['kind'] === 'TASK_QUEUE_KIND_STICKY') return { ...value, name: 'sticky' };
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, inner]) => [key, typeof inner === 'string' ? portableText(key, inner) : portable(inner)]));
}

function portableText(key: string, text: string): string {
  return ofTheMachine[key] ?? (isPayload(key) ? encoded(decoded(text).replace(ownName, 'a-host')) : text);
}

/** The name of this host as a word of its own. */
const ownName = new RegExp(`(?<![\\w-])${hostname().replace(/[^\w-]/g, '\\$&')}(?![\\w-])`, 'g');

function isPayload(key: string): boolean {
  return key === 'data';
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Everything that a history says, its payloads decoded: what to look at for things that must not be in a file. */
export function spokenBy(json: unknown): string[] {
  if (typeof json === 'string') return [json];
  if (Array.isArray(json)) return json.flatMap(spokenBy);
  if (json === null || typeof json !== 'object') return [];
  return Object.entries(json).flatMap(([key, value]) =>
    typeof value === 'string' && isPayload(key) ? [decoded(value)] : spokenBy(value),
  );
}
