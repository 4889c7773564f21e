import { instanceVerbs } from './admission';
import { specVerbs } from './mutable-spec';
import { instancePhases, workerPhases } from './phases';
import { workerVerbs } from './worker-admission';

/** Every type of event that this program writes: what was asked of an object, and what became of it. */
export const eventTypes: readonly string[] = [
  ...['created', 'updated', 'retired', ...instancePhases.map(asWord), ...[...Object.keys(instanceVerbs), ...specVerbs].map(asked)].map((what) => `berth.instance.${what}`),
  ...['created', 'updated', 'retired', ...workerPhases.map(asWord), ...[...workerVerbs, ...specVerbs].map(asked)].map((what) => `berth.worker.${what}`),
  // PENDING_SYNC is how one with an artifact is created.
  ...['created', 'active', 'deprecated', 'deleted', 'retired'].map((what) => `berth.definition.${what}`),
  ...['created', 'updated', 'closed', 'retired'].map((what) => `berth.principal.${what}`),
  ...['created', 'replaced', 'revoked', 'retired'].map((what) => `berth.token.${what}`),
  ...['created', 'retired'].map((what) => `berth.worker-template.${what}`),
  ...['created', 'updated', 'suspended', 'resumed', 'closing', 'reopened', 'retired'].map((what) => `berth.org.${what}`),
  ...['created', 'updated', 'closing', 'reopened', 'retired'].map((what) => `berth.project.${what}`),
];

function asWord(phase: string): string {
  return phase.toLowerCase();
}

function asked(verb: string): string {
  return `${verb}-requested`;
}
