import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { todaysEvents } from './event-examples';

/**
 * `node --import tsx test/support/write-event-examples.ts`: stores today's event of every type whose version has no
 * example yet. What is stored is never written anew: the record holds events of that shape.
 */
const directory = join(__dirname, '../domain/event-examples');
for (const event of todaysEvents()) {
  const file = join(directory, `${event.type}.v${event.dataschemaversion}.json`);
  if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(event, undefined, 2)}\n`);
}
