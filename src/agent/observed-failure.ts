import { statusMessageCharactersMax } from '../domain/limits';
import type { ObservedFailure } from '../domain/plan';
import { wellFormed } from '../domain/utf8';
import { RuntimeFailure } from '../drivers/runtimes/runtime';

/** Why an attempt failed, for the control plane. What no runtime has classed is a matter of this host: a full disk, a right that is missing. */
export function observedFailure(error: unknown): ObservedFailure {
  const cut = (message: string): string => wellFormed(message.slice(0, statusMessageCharactersMax));
  if (error instanceof RuntimeFailure) return { class: error.failureClass, reason: error.reason, message: cut(error.message) };
  return { class: 'host', reason: 'HostError', message: cut(error instanceof Error ? error.message : String(error)) };
}
