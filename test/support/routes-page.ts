/** What the page of routes needs of the served OpenAPI document. */
export interface ServedDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, ServedOperation>>>>;
}

interface ServedOperation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly 'x-scope'?: string;
}

const opening = `# Routes

Every route, and the scope that whoever asks must hold for the object that is asked for; [access.md](access.md) says which roles hold
which. The scopes of \`internal\` are those of agents, each for its own worker alone. What has no scope is open to everybody. What a route takes and answers is told by \`/docs\` of a running server, which is made
from the same declarations as this page.
`;

/** docs/routes.md as the served document has it: a table for each tag, in the order in which the document tells of them. */
export function routesPage({ paths }: ServedDocument): string {
  const sections = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const [tag = 'server'] = operation.tags;
      const rows = sections.get(tag) ?? [];
      sections.set(tag, [...rows, `| \`${method.toUpperCase()}\` | \`${path}\` | ${scopeCell(operation)} | ${operation.summary} |`]);
    }
  }
  const tables = [...sections].map(([tag, rows]) => `## ${tag}\n\n| method | path | scope | |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`);
  return [opening, ...tables].join('\n');
}

function scopeCell(operation: ServedOperation): string {
  const scope = operation['x-scope'];
  return scope === undefined ? '' : `\`${scope}\``;
}
