import type { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { searchAttributes } from '../workflows/messages';
import { EngineUnavailableError, grpcStatusOf, NamespaceMissingError } from './errors';

type Attribute = (typeof searchAttributes)[keyof typeof searchAttributes];

const types = {
  KEYWORD: { indexed: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, flag: 'Keyword' },
  BOOL: { indexed: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL, flag: 'Bool' },
} as const;

/** The namespace lacks search attributes of ours, or has them with other types, and we may not mend that. */
export class SearchAttributesError extends Error {
  constructor(what: string, attributes: readonly Attribute[], namespace: string, cause?: unknown) {
    const flags = attributes.map((attribute) => `--name ${attribute.name} --type ${types[attribute.type].flag}`).join(' ');
    super(`${what}. An operator can mend it with:\n  temporal operator search-attribute create --namespace ${namespace} ${flags}`, { cause });
    this.name = 'SearchAttributesError';
  }
}

/**
 * Registers the search attributes that are missing. Throws SearchAttributesError with the command to type,
 * EngineUnavailableError when nobody answers, and NamespaceMissingError.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const known = await listKnown(connection, namespace);
  const all: readonly Attribute[] = Object.values(searchAttributes);
  const wrong = all.filter(({ name, type }) => known[name] !== undefined && known[name] !== types[type].indexed);
  if (wrong.length > 0) {
    const names = wrong.map(({ name }) => name).join(', ');
    throw new SearchAttributesError(`in the Temporal namespace ${namespace} ${names} has another type than ours; remove it first`, wrong, namespace);
  }
  const missing = all.filter(({ name }) => known[name] === undefined);
  if (missing.length === 0) return;
  try {
    const added = Object.fromEntries(missing.map(({ name, type }) => [name, types[type].indexed]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: added });
  } catch (cause) {
    throw new SearchAttributesError(`the Temporal namespace ${namespace} lacks search attributes, and registering them failed`, missing, namespace, cause);
  }
}

async function listKnown(connection: Connection, namespace: string): Promise<Readonly<Record<string, temporal.api.enums.v1.IndexedValueType>>> {
  try {
    // Asked first, because the list of attributes does not say that a namespace is missing.
    await connection.workflowService.describeNamespace({ namespace });
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    return known.customAttributes ?? {};
  } catch (cause) {
    if (grpcStatusOf(cause) === 'NOT_FOUND') throw new NamespaceMissingError(namespace, cause);
    throw new EngineUnavailableError(connection.options.address, cause);
  }
}
