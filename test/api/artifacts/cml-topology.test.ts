import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { readTopology } from '../../../src/api/artifacts/cml-topology';
import { InvalidDocument } from '../../../src/api/documents/invalid-document';
import { portPlaceholder, replacePlaceholders } from '../../../src/domain/placeholder';

const source = readFileSync(path.join(__dirname, '../../../examples/network-lab/topology.yaml'), 'utf8');

interface Topology {
  lab: unknown;
  nodes: Array<Record<string, unknown>>;
  links: Array<Record<string, unknown>>;
  smart_annotations: Array<Record<string, unknown>>;
}

/** The example's topology after a change. */
function changed(change: (topology: Topology) => void): string {
  const topology = parse(source) as Topology;
  change(topology);
  return stringify(topology);
}

function problemsIn(text: string): Array<[path: string, message: string]> {
  try {
    readTopology(text);
  } catch (error) {
    if (error instanceof InvalidDocument) return error.problems.map((problem) => [problem.path, problem.message]);
    throw error;
  }
  return [];
}

it('derives the number of devices and the port template', () => {
  expect(readTopology(source)).toEqual({
    nodeCount: 5,
    ports: [1, 2, 3, 4].map((number) => ({ name: `serial_${number}`, protocol: 'tcp' })),
  });
});

it('takes ports from annotations and nodes, each once', () => {
  const text = changed(({ nodes, smart_annotations: annotations }) => {
    annotations[0]!.tag = 'vnc:${PORT_VNC_1} and $${PORT_ESCAPED}';
    nodes[1]!.tags = ['a', 'serial:${PORT_SERIAL_2}:${PORT_SERIAL_9}'];
  });
  expect(readTopology(text).ports.map(({ name }) => name)).toEqual([
    'vnc_1',
    'serial_2',
    'serial_1',
    'serial_9',
    'serial_3',
    'serial_4',
  ]);
});

it('takes what older and newer exports hold: no annotations, null tags, nodes without interfaces, unknown fields', () => {
  const node = '{ id: n0, label: a, node_definition: iosv, tags: null, new: 1 }';
  const text = `lab: { version: 0.0.5, title: x, owner: y }\nnodes: [${node}]\nlinks: []\nannotations: null\n`;
  expect(readTopology(text)).toEqual({ nodeCount: 1, ports: [] });
});

it('once rendered, is the same file but for its placeholders', () => {
  const { ports } = readTopology(source);
  const values = new Map(ports.map(({ name }, index) => [portPlaceholder(name), String(5041 + index)]));
  const rendered = replacePlaceholders(source, 'file', values);
  const restore = (text: string, [placeholder, port]: [string, string]) => text.replaceAll(port, `\${${placeholder}}`);
  expect([...values].reduce(restore, rendered)).toBe(source);
  expect(readTopology(rendered)).toEqual({ nodeCount: 5, ports: [] });
  const { nodes } = parse(rendered) as Topology;
  expect(nodes.map(({ tags }) => tags)).toEqual([['serial:5041'], ['serial:5042'], ['serial:5043'], ['serial:5044'], []]);
});

it.each<[string, string, string, string]>([
  ['junk', '\u0000\u0001 junk', '', 'expected'],
  ['a text', 'hello', '', 'expected a topology with lab, nodes and links, found "hello"'],
  ['a definition', 'name: a\nversion: 1.0.0\n', 'lab', 'lab: expected a lab with version, found nothing'],
  ['no nodes', changed((topology) => (topology.nodes = [])), 'nodes', 'expected at least one node'],
  ['no version', changed((topology) => (topology.lab = {})), 'lab.version', 'expected a topology version such as 0.3.0'],
  ['a node of no kind', changed(({ nodes }) => delete nodes[1]!.node_definition), 'nodes[1].node_definition', 'nothing'],
  ['a node id twice', changed(({ nodes }) => (nodes[4]!.id = 'n3')), 'nodes[4].id', 'an id that stands here once, found "n3"'],
  ['a tag that is no text', changed(({ nodes }) => (nodes[0]!.tags = [5])), 'nodes[0].tags[0]', 'expected a tag, found 5'],
  ['a link to nowhere', changed(({ links }) => (links[0]!.n2 = 'n9')), 'links[0].n2', 'the id of a node, found "n9"'],
  [
    'a link to no interface',
    changed(({ links }) => (links[0]!.i1 = 'i9')),
    'links[0].i1',
    'expected the id of an interface of n0, found "i9"',
  ],
  [
    'a placeholder without its prefix',
    changed(({ nodes }) => (nodes[0]!.tags = ['serial:${SERIAL_1}'])),
    'nodes[0].tags[0]',
    'expected a placeholder of a port, such as ${PORT_SERIAL_1}, found "${SERIAL_1}"',
  ],
  [
    'a placeholder in small letters',
    changed(({ smart_annotations: annotations }) => (annotations[1]!.tag = 'serial:${PORT_serial_1}')),
    'smart_annotations[1].tag',
    'found "${PORT_serial_1}"',
  ],
  [
    'too many ports',
    changed(({ nodes }) => (nodes[0]!.tags = Array.from({ length: 300 }, (_, n) => `\${PORT_P${n}}`))),
    '',
    'at most 256 ports',
  ],
])('%s is refused with its path', (_, text, at, message) => {
  const found = problemsIn(text).find(([problemPath]) => problemPath === at);
  expect(found?.[1]).toContain(message);
});

it('tells all that is wrong at once', () => {
  const text = changed(({ nodes, links, lab }) => {
    (lab as Record<string, unknown>).version = 3;
    nodes[0]!.label = 7;
    delete links[2]!.i2;
  });
  expect(problemsIn(text).map(([at]) => at)).toEqual(['lab.version', 'nodes[0].label', 'links[2].i2']);
});
