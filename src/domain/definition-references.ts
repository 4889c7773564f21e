import type { PortRequest } from './definition';
import { portsPerInstanceMax, problemsMax, workloadFilesBytesMax } from './limits';
import type { PlaceholderUse, TextKind } from './placeholder';
import { instancePlaceholders, placeholdersIn, portPlaceholder } from './placeholder';
import type { Problem } from './problem';
import { describeValue, formatPath, problemAt } from './problem';
import { utf8Bytes } from './utf8';

/**
 * What the checks between the parts of a definition look at. A `DefinitionBody` is one; so is what can be read of a
 * document that has other mistakes, so that all of them are told at once.
 */
export interface DefinitionParts {
  readonly components: ReadonlyArray<{
    readonly name: string;
    readonly command: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly ports: readonly PortRequest[];
    readonly readiness?: { readonly kind: 'http' | 'tcp'; readonly port: string };
  }>;
  readonly ports: readonly PortRequest[];
  readonly files: Readonly<Record<string, string>>;
  readonly artifact?: { readonly path: string };
}

type Path = readonly PropertyKey[];
interface Text {
  readonly path: Path;
  readonly text: string;
  readonly kind: TextKind;
}

const namesShownMax = 12;

/** Names, numbers and paths that stand in a definition twice. */
export function findConflicts(parts: DefinitionParts): Problem[] {
  const names = parts.components.map(({ name }, index) => ({
    path: ['components', index, 'name'],
    key: name,
    value: name,
  }));
  const ports = portsWithPaths(parts);
  // `a-b` and `a.b` are two names but one placeholder.
  const portNames = ports.map(({ path, port: { name } }) => ({
    path: [...path, 'name'],
    key: portPlaceholder(name),
    value: name,
  }));
  // A number has one holder whatever the protocol: the ledger has one bit for it.
  const numbers = ports
    .filter(({ port }) => port.port !== undefined)
    .map(({ path, port: { port } }) => ({ path: [...path, 'port'], key: String(port), value: port }));
  return [
    ...repeated(names, 'a name that no other component has'),
    ...repeated(portNames, 'a port name whose placeholder no other port has'),
    ...repeated(numbers, 'a port number that no other port has'),
    ...pathConflicts(parts),
  ];
}

/**
 * Ports and placeholders that are used but not there. `ports` are all that an instance will have; those of a topology
 * are known only once it was read, which is when its text is checked too.
 */
export function findUnknownReferences(
  parts: DefinitionParts,
  ports: readonly PortRequest[],
  artifactText?: string,
): Problem[] {
  const placeholders = new Set<string>([...instancePlaceholders, ...ports.map(({ name }) => portPlaceholder(name))]);
  const known = listed([...placeholders].map((name) => `\${${name}}`));
  const expected = `one of the placeholders ${known}, or $\${ for the text itself`;
  return [
    ...unknownReadinessPorts(parts, ports),
    ...textsWithPaths(parts, artifactText).flatMap(({ path, text, kind }) =>
      placeholdersIn(text, kind)
        .filter(({ name }) => name === undefined || !placeholders.has(name))
        .slice(0, problemsMax)
        .map((use) => problemAt(path, expected, describeUse(use, text))),
    ),
  ];
}

/** What goes beyond a bound only when all parts are counted together. */
export function findExcesses(parts: DefinitionParts, ports: readonly PortRequest[], artifactText?: string): Problem[] {
  const problems: Problem[] = [];
  if (ports.length > portsPerInstanceMax) {
    problems.push(problemAt(['ports'], `at most ${portsPerInstanceMax} ports in all`, `${ports.length}`));
  }
  const bytes = [...Object.values(parts.files), artifactText ?? ''].reduce((sum, text) => sum + utf8Bytes(text), 0);
  if (bytes > workloadFilesBytesMax) {
    const path = artifactText === undefined ? ['files'] : ['artifact'];
    problems.push(problemAt(path, `at most ${workloadFilesBytesMax} bytes in all files together`, `${bytes}`));
  }
  return problems;
}

function portsWithPaths(parts: DefinitionParts): Array<{ readonly path: Path; readonly port: PortRequest }> {
  return [
    ...parts.components.flatMap((component, index) =>
      component.ports.map((port, portIndex) => ({ path: ['components', index, 'ports', portIndex], port })),
    ),
    ...parts.ports.map((port, index) => ({ path: ['ports', index], port })),
  ];
}

function textsWithPaths(parts: DefinitionParts, artifactText: string | undefined): Text[] {
  const values = parts.components.flatMap(({ command, environment }, index) => [
    ...command.map((text, argument) => ({ path: ['components', index, 'command', argument], text })),
    ...Object.entries(environment).map(([name, text]) => ({ path: ['components', index, 'environment', name], text })),
  ]);
  const files = Object.entries(parts.files).map(([path, text]) => ({ path: ['files', path], text }));
  const artifact = artifactText === undefined ? [] : [{ path: ['artifact'], text: artifactText }];
  return [
    ...values.map((value) => ({ ...value, kind: 'value' as const })),
    ...[...files, ...artifact].map((file) => ({ ...file, kind: 'file' as const })),
  ];
}

function repeated(claims: ReadonlyArray<{ path: Path; key: string; value: unknown }>, expected: string): Problem[] {
  const claimed = new Map<string, Path>();
  return claims.flatMap(({ path, key, value }) => {
    // A name that could not be read is empty; it is a problem of its own.
    if (value === '') return [];
    const earlier = claimed.get(key);
    if (earlier === undefined) {
      claimed.set(key, path);
      return [];
    }
    return [problemAt(path, expected, `${describeValue(value)} beside ${formatPath(earlier)}`)];
  });
}

/** Two files at one path, or one where another needs a directory. */
function pathConflicts(parts: DefinitionParts): Problem[] {
  const files = Object.keys(parts.files);
  const artifact = parts.artifact?.path;
  const twice = artifact !== undefined && files.includes(artifact);
  const paths = [
    ...files.map((file) => ({ at: ['files', file], file })),
    ...(artifact === undefined ? [] : [{ at: ['artifact', 'path'], file: artifact }]),
  ];
  return paths.flatMap(({ at, file }) => {
    const other = paths.find((each) => file.startsWith(`${each.file}/`))?.file;
    const inTheWay = twice && at[0] === 'artifact' ? file : other;
    if (inTheWay === undefined) return [];
    const found = `${describeValue(file)} beside the file ${describeValue(inTheWay)}`;
    return [problemAt(at, 'a path that no other file takes', found)];
  });
}

function unknownReadinessPorts(parts: DefinitionParts, ports: readonly PortRequest[]): Problem[] {
  // Both probes are made over TCP.
  const probed = ports.filter(({ protocol }) => protocol === 'tcp').map(({ name }) => name);
  return parts.components.flatMap(({ readiness }, index) => {
    if (readiness === undefined || probed.includes(readiness.port)) return [];
    const path = ['components', index, 'readiness', readiness.kind, 'port'];
    return [problemAt(path, `the name of one of the tcp ports ${listed(probed)}`, describeValue(readiness.port))];
  });
}

function describeUse(use: PlaceholderUse, text: string): string {
  if (!text.includes('\n')) return describeValue(use.text);
  return `${describeValue(use.text)} on line ${text.slice(0, use.index).split('\n').length}`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return '(there are none)';
  return names.length <= namesShownMax ? names.join(', ') : `${names.slice(0, namesShownMax).join(', ')} …`;
}
