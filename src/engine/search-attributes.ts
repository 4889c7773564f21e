import type { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
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
