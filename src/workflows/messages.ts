import { defineSearchAttributeKey } from '@temporalio/common';
import { defineSignal, defineUpdate } from '@temporalio/workflow';

/**
 * Something about the object has changed: look at it. A signal without payload, because what changed is in etcd;
 * losing one, or hearing it twice, changes nothing but time.
 */
export const nudgeSignal = defineSignal('nudge');

/**
 * Retries a FAILED object from the Temporal UI or command line. It is an Update, because the person wants to know
 * whether it was accepted; it makes the same commit as the API and does nothing else.
 */
export const retryUpdate = defineUpdate<string, []>('retry');

/** Names of the workflow types; a lifecycle's id is `instance/<id>` or `worker/<id>`. */
export const lifecycleTypes = { Instance: 'instance', Worker: 'worker' } as const;

/** What operators can search for. Never secret: search attributes are not encrypted. */
export const searchAttributes = {
  phase: defineSearchAttributeKey('BerthPhase', 'KEYWORD'),
  worker: defineSearchAttributeKey('BerthWorker', 'KEYWORD'),
  definition: defineSearchAttributeKey('BerthDefinition', 'KEYWORD'),
  org: defineSearchAttributeKey('BerthOrg', 'KEYWORD'),
  stuck: defineSearchAttributeKey('BerthStuck', 'BOOL'),
} as const;
