/** Those who speak to MongoDB, each as a user of its own. `admin` is for copies, restores and migrations by hand. */
export const mongoIdentities = ['api', 'control', 'admin'] as const;
export type MongoIdentity = (typeof mongoIdentities)[number];

/** As MongoDB names them in privileges. */
export type MongoAction = 'find' | 'insert' | 'update' | 'remove' | 'createIndex' | 'listIndexes' | 'dropCollection' | 'listCollections';

/** What somebody may do, or needs to do, with one collection; with '' for every collection of the database. */
export interface CollectionRights {
  readonly collection: string;
  readonly actions: readonly MongoAction[];
}

/** What was said is never changed: whoever writes to these puts documents there and takes none back. */
const appendOnly = ['find', 'insert'] as const;

/** Every process migrates when it starts: indexes of its own, and a line that says which. */
const indexed = ['audit_events', 'audit_refusals', 'state_snapshots', 'retired_objects', 'workflow_runs'] as const;

/** What each identity does with each collection, which is what its role in MongoDB holds: no more, no less. */
export const mongoNeeds: Readonly<Record<MongoIdentity, readonly CollectionRights[]>> = {
  api: withMigrations([
    { collection: 'lablet_definitions', actions: appendOnly },
    { collection: 'artifacts', actions: appendOnly },
    { collection: 'workloads', actions: ['find'] },
    { collection: 'audit_events', actions: ['find'] },
    { collection: 'audit_refusals', actions: appendOnly },
    { collection: 'state_snapshots', actions: ['find'] },
    { collection: 'retired_objects', actions: ['find'] },
    { collection: 'workflow_runs', actions: ['find'] },
  ]),
  control: withMigrations([
    { collection: 'audit_events', actions: appendOnly },
    // Only the api writes and reads them; whoever starts first makes the index.
    { collection: 'audit_refusals', actions: [] },
    { collection: 'workflow_runs', actions: appendOnly },
    { collection: 'maintenance_reports', actions: appendOnly },
    // Old ones are taken away, and what lost history or an interrupted retirement left.
    { collection: 'state_snapshots', actions: ['find', 'insert', 'remove'] },
    { collection: 'retired_objects', actions: ['find', 'insert', 'remove'] },
    // Bodies that nobody names are swept.
    { collection: 'lablet_definitions', actions: ['find', 'remove'] },
    { collection: 'artifacts', actions: ['find', 'remove'] },
    { collection: 'workloads', actions: ['find', 'insert', 'remove'] },
    { collection: 'unnamed_bodies', actions: ['find', 'insert', 'remove'] },
  ]),
  admin: [{ collection: '', actions: ['find', 'insert', 'update', 'remove', 'createIndex', 'listIndexes', 'dropCollection', 'listCollections'] }],
};

function withMigrations(rights: readonly CollectionRights[]): CollectionRights[] {
  const isIndexed = (name: string) => indexed.some((each) => each === name);
  const actionsOf = ({ collection, actions }: CollectionRights) => ({ collection, actions: isIndexed(collection) ? [...actions, 'createIndex' as const] : actions });
  return [...rights.map(actionsOf), { collection: 'schema_migrations', actions: appendOnly }];
}

/** Actions that some hold and others do not name, each as `action collection`. */
export function rightsBeyond(some: readonly CollectionRights[], others: readonly CollectionRights[]): string[] {
  const covers = (collection: string, action: MongoAction) => others.some((other) => (other.collection === '' || other.collection === collection) && other.actions.includes(action));
  return some.flatMap(({ collection, actions }) => actions.filter((action) => !covers(collection, action)).map((action) => `${action} ${collection === '' ? 'every collection' : collection}`));
}

/** A script for mongosh that makes the roles, or brings them to what they are to be. Run it with the database of Berth in use. */
export function mongoRolesScript(): string {
  const roles = mongoIdentities.map((identity) => ({ role: `berth-${identity}`, rights: mongoNeeds[identity] }));
  return `// Run as a user administrator: mongosh "$URI/berth" deploy/mongodb/roles.js
// Then make a user for each: db.createUser({ user: 'berth-api', pwd: passwordPrompt(), roles: ['berth-api'] })
const roles = ${JSON.stringify(roles, undefined, 2)};
for (const { role, rights } of roles) {
  const privileges = rights.map(({ collection, actions }) => ({ resource: { db: db.getName(), collection }, actions }));
  if (db.getRole(role) === null) db.createRole({ role, privileges, roles: [] });
  else db.updateRole(role, { privileges, roles: [] });
  print(role + ' has ' + privileges.length + ' privileges in ' + db.getName());
}
`;
}
