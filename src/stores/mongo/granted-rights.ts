import type { Document } from 'mongodb';
import type { MongoConnection } from './connection';
import type { CollectionRights, MongoAction } from './rights';

/** What MongoDB lets somebody do. */
export type MongoGranted =
  /** It asks nobody who they are, or, as FerretDB, does not tell what they may. */
  | { readonly kind: 'untold' }
  | { readonly kind: 'restricted'; readonly user: string; readonly rights: readonly CollectionRights[]; /** Rights outside of the database of Berth, as MongoDB names them. */ readonly elsewhere: readonly string[] };

/** Actions that every user of MongoDB has, or that give nothing away. */
const harmless: ReadonlySet<string> = new Set(['changeStream', 'collStats', 'dbHash', 'dbStats', 'killCursors', 'planCacheRead', 'listCollections', 'listIndexes', 'listSearchIndexes', 'convertToCapped']);

interface Status {
  readonly authInfo?: { readonly authenticatedUsers?: ReadonlyArray<{ readonly user: string }>; readonly authenticatedUserPrivileges?: ReadonlyArray<{ readonly resource: Document; readonly actions: readonly string[] }> };
}

/** Asks MongoDB what it lets this connection do with a database. */
export async function mongoGranted(connection: MongoConnection, database: string): Promise<MongoGranted> {
  return grantedBy(await connection.command({ connectionStatus: 1, showPrivileges: true }), database);
}

/** From the answer to `connectionStatus`. */
export function grantedBy({ authInfo }: Status, database: string): MongoGranted {
  const [user] = authInfo?.authenticatedUsers ?? [];
  const privileges = authInfo?.authenticatedUserPrivileges;
  if (user === undefined || privileges === undefined) return { kind: 'untold' };
  const here = privileges.filter(({ resource }) => resource['anyResource'] === true || resource['db'] === database || (resource['db'] === '' && 'collection' in resource));
  const rights = here.map(({ resource, actions }) => ({ collection: String(resource['collection'] ?? ''), actions: actions as readonly MongoAction[] }));
  const elsewhere = privileges.filter((privilege) => !here.includes(privilege)).flatMap(({ resource, actions }) => actions.filter((action) => !harmless.has(action)).map((action) => `${action} ${JSON.stringify(resource)}`));
  return { kind: 'restricted', user: user.user, rights: rights.map((right) => ({ ...right, actions: right.actions.filter((action) => !harmless.has(action)) })), elsewhere };
}
