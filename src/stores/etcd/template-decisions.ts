import type { Cause } from '../../domain/events';
import { nextSequence } from '../../domain/header';
import type { Decision } from './commit';
import { eventOf, unchanged } from './decisions';
import { keys } from './keys';
import type { TemplateEntries } from './objects';

/** A template leaves etcd with its name. Its workers have copied what they need of it. */
export function templateRetirement({ id, spec }: TemplateEntries, { time, cause }: { readonly time: string; readonly cause: Cause }): Decision {
  const { value } = spec;
  const key = keys.templateSpec(id);
  return {
    id: `templates/${id}/${spec.revision}/retire`,
    compares: [unchanged(key, spec)],
    puts: [],
    deletes: [key, keys.templateName(value.org, value.name)],
    events: [eventOf(value, { type: 'berth.worker-template.retired', sequence: nextSequence(value), time, cause, data: {} })],
  };
}
