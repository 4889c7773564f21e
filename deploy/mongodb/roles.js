// Run as a user administrator: mongosh "$URI/berth" deploy/mongodb/roles.js
// Then make a user for each: db.createUser({ user: 'berth-api', pwd: passwordPrompt(), roles: ['berth-api'] })
const roles = [
  {
    "role": "berth-api",
    "rights": [
      {
        "collection": "lablet_definitions",
        "actions": [
          "find",
          "insert"
        ]
      },
      {
        "collection": "artifacts",
        "actions": [
          "find",
          "insert"
        ]
      },
      {
        "collection": "workloads",
        "actions": [
          "find"
        ]
      },
      {
        "collection": "audit_events",
        "actions": [
          "find",
          "createIndex"
        ]
      },
      {
        "collection": "audit_refusals",
        "actions": [
          "find",
          "insert",
          "createIndex"
        ]
      },
      {
        "collection": "state_snapshots",
        "actions": [
          "find",
          "createIndex"
        ]
      },
      {
        "collection": "retired_objects",
        "actions": [
          "find",
          "createIndex"
        ]
      },
      {
        "collection": "workflow_runs",
        "actions": [
          "find",
          "createIndex"
        ]
      },
      {
        "collection": "schema_migrations",
        "actions": [
          "find",
          "insert"
        ]
      }
    ]
  },
  {
    "role": "berth-control",
    "rights": [
      {
        "collection": "audit_events",
        "actions": [
          "find",
          "insert",
          "createIndex"
        ]
      },
      {
        "collection": "audit_refusals",
        "actions": [
          "createIndex"
        ]
      },
      {
        "collection": "workflow_runs",
        "actions": [
          "find",
          "insert",
          "createIndex"
        ]
      },
      {
        "collection": "maintenance_reports",
        "actions": [
          "find",
          "insert"
        ]
      },
      {
        "collection": "state_snapshots",
        "actions": [
          "find",
          "insert",
          "remove",
          "createIndex"
        ]
      },
      {
        "collection": "retired_objects",
        "actions": [
          "find",
          "insert",
          "remove",
          "createIndex"
        ]
      },
      {
        "collection": "lablet_definitions",
        "actions": [
          "find",
          "remove"
        ]
      },
      {
        "collection": "artifacts",
        "actions": [
          "find",
          "remove"
        ]
      },
      {
        "collection": "workloads",
        "actions": [
          "find",
          "insert",
          "remove"
        ]
      },
      {
        "collection": "unnamed_bodies",
        "actions": [
          "find",
          "insert",
          "remove"
        ]
      },
      {
        "collection": "schema_migrations",
        "actions": [
          "find",
          "insert"
        ]
      }
    ]
  },
  {
    "role": "berth-admin",
    "rights": [
      {
        "collection": "",
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createIndex",
          "listIndexes",
          "dropCollection",
          "listCollections"
        ]
      }
    ]
  }
];
for (const { role, rights } of roles) {
  const privileges = rights.map(({ collection, actions }) => ({ resource: { db: db.getName(), collection }, actions }));
  if (db.getRole(role) === null) db.createRole({ role, privileges, roles: [] });
  else db.updateRole(role, { privileges, roles: [] });
  print(role + ' has ' + privileges.length + ' privileges in ' + db.getName());
}
