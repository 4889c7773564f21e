import type { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { SearchAttributePair } from '@temporalio/common';
import { TypedSearchAttributes } from '@temporalio/common';
import type { ObjectReference } from '../domain/answer';
import { isStuck } from '../domain/stuck';
import type { CachedObjects } from '../stores/etcd/objects';
import { searchAttributes } from '../workflows/messages';

const types = {
  KEYWORD: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  BOOL: temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
} as const;

/** The server does not know our search attributes and would not let us add them. */
export class SearchAttributesError extends Error {
  constructor(missing: readonly string[], namespace: string, cause: unknown) {
    const keys = Object.values(searchAttributes).filter((key) => missing.includes(key.name));
    const flags = keys.map((key) => `--name ${key.name} --type ${key.type === 'BOOL' ? 'Bool' : 'Keyword'}`).join(' ');
    super(
      `the Temporal namespace ${namespace} lacks search attributes and registering them failed. An operator can do it with:\n` +
        `  temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause },
    );
    this.name = 'SearchAttributesError';
  }
}

/** Registers the search attributes that are missing. Throws SearchAttributesError with the command to type. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const wanted = Object.values(searchAttributes);
  let missing: string[] = wanted.map((key) => key.name);
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    missing = missing.filter((name) => known.customAttributes?.[name] === undefined);
    if (missing.length === 0) return;
    const added = wanted.filter((key) => missing.includes(key.name)).map((key) => [key.name, types[key.type]] as const);
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(added) });
  } catch (cause) {
    throw new SearchAttributesError(missing, namespace, cause);
  }
}

/** The search attributes with which an object's lifecycle is started. */
export function attributesFrom(cached: CachedObjects): (object: ObjectReference) => TypedSearchAttributes | undefined {
  return ({ kind, id }) => {
    const entries = kind === 'Instance' ? cached.instance(id) : cached.worker(id);
    if (!entries) return undefined;
    const status = entries.status.value;
    const pairs: SearchAttributePair[] = [
      { key: searchAttributes.org, value: entries.spec.value.org },
      { key: searchAttributes.phase, value: status.phase },
      { key: searchAttributes.stuck, value: isStuck(status) },
    ];
    const definition = kind === 'Instance' ? cached.instance(id)?.spec.value.definition : undefined;
    if (definition) pairs.push({ key: searchAttributes.definition, value: `${definition.name}@${definition.version}` });
    const workerId = kind === 'Instance' ? cached.instance(id)?.allocation?.value.workerId : id;
    if (workerId) pairs.push({ key: searchAttributes.worker, value: workerId });
    return new TypedSearchAttributes(pairs);
  };
}
