import { z } from 'zod';
import type { PortRequest } from '../../domain/definition';
import { artifactBytesMax, portsPerInstanceMax, problemsMax } from '../../domain/limits';
import { placeholdersIn, portNameOf } from '../../domain/placeholder';
import type { Problem } from '../../domain/problem';
import { describeValue, problemAt } from '../../domain/problem';
import { InvalidDocument } from '../documents/invalid-document';
import { loadDocument } from '../documents/load';
import { problemsOf, text } from '../documents/schema';

/**
 * A topology as Cisco Modeling Labs 2.x exports it. Only what Berth uses is looked at; fields that are not known here
 * are the business of the program that runs the lab, and of later versions of the format.
 */
const identifier = text('an identifier', /^\S+$/);
const label = z.string({ error: 'a label' });
const tags = z.array(text('a tag', /\S/), { error: 'a list of tags' }).nullish();

const node = z.looseObject(
  {
    id: identifier,
    label,
    node_definition: identifier,
    tags,
    interfaces: z
      .array(z.looseObject({ id: identifier, label: label.nullish() }, { error: 'an interface with id' }), {
        error: 'a list of interfaces',
      })
      .optional(),
  },
  { error: 'a node with id, label and node_definition' },
);

const topologyDocument = z.looseObject(
  {
    lab: z.looseObject(
      { version: text('a topology version such as 0.3.0', /^\d+\.\d+\.\d+$/) },
      { error: 'a lab with version' },
    ),
    nodes: z.array(node, { error: 'a list of nodes' }).min(1, { error: 'at least one node' }),
    links: z.array(
      z.looseObject(
        { id: identifier, n1: identifier, n2: identifier, i1: identifier, i2: identifier },
        { error: 'a link with id, n1, n2, i1 and i2' },
      ),
      { error: 'a list of links' },
    ),
    annotations: z.array(z.looseObject({}, { error: 'an annotation' }), { error: 'a list of annotations' }).nullish(),
    smart_annotations: z
      .array(z.looseObject({ tag: text('a tag', /\S/) }, { error: 'a smart annotation with a tag' }), {
        error: 'a list of smart annotations',
      })
      .nullish(),
  },
  { error: 'a topology with lab, nodes and links' },
);
type TopologyDocument = z.output<typeof topologyDocument>;

/** What Berth needs to know of a topology. */
export interface TopologyFacts {
  readonly nodeCount: number;
  /** One for each `${PORT_…}` in the tags, in their order: the port template. */
  readonly ports: readonly PortRequest[];
}

/** Reads a topology; throws `InvalidDocument` with everything that is wrong with it. */
export function readTopology(source: string): TopologyFacts {
  const parsed = topologyDocument.safeParse(loadDocument(source, artifactBytesMax), { reportInput: true });
  if (!parsed.success) throw new InvalidDocument(problemsOf(parsed.error));
  const topology = parsed.data;
  const { names, problems } = portTemplate(topology);
  const all = [...repeatedIds(topology), ...looseEnds(topology), ...problems];
  if (all.length > 0) throw new InvalidDocument(all.slice(0, problemsMax));
  return { nodeCount: topology.nodes.length, ports: names.map((name) => ({ name, protocol: 'tcp' })) };
}

function portTemplate(topology: TopologyDocument): { names: string[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const names = new Set<string>();
  for (const { path, tag } of tagsOf(topology)) {
    for (const { name, text: written } of placeholdersIn(tag, 'value')) {
      const portName = portNameOf(name ?? '');
      if (portName !== undefined) names.add(portName);
      else problems.push(problemAt(path, 'a placeholder of a port, such as ${PORT_SERIAL_1}', describeValue(written)));
    }
  }
  if (names.size > portsPerInstanceMax) {
    problems.push(problemAt([], `at most ${portsPerInstanceMax} ports in the tags`, `${names.size}`));
  }
  return { names: [...names], problems };
}

function tagsOf(topology: TopologyDocument): Array<{ path: PropertyKey[]; tag: string }> {
  const annotations = (topology.smart_annotations ?? []).map(({ tag }, index) => ({
    path: ['smart_annotations', index, 'tag'],
    tag,
  }));
  const nodes = topology.nodes.flatMap(({ tags: nodeTags }, index) =>
    (nodeTags ?? []).map((tag, tagIndex) => ({ path: ['nodes', index, 'tags', tagIndex], tag })),
  );
  return [...annotations, ...nodes];
}

function repeatedIds(topology: TopologyDocument): Problem[] {
  return [
    ...repeated(topology.nodes, ['nodes']),
    ...repeated(topology.links, ['links']),
    ...topology.nodes.flatMap(({ interfaces }, index) => repeated(interfaces ?? [], ['nodes', index, 'interfaces'])),
  ];
}

function repeated(things: ReadonlyArray<{ readonly id: string }>, path: readonly PropertyKey[]): Problem[] {
  const seen = new Set<string>();
  return things.flatMap(({ id }, index) => {
    if (seen.has(id)) return [problemAt([...path, index, 'id'], 'an id that stands here once', describeValue(id))];
    seen.add(id);
    return [];
  });
}

/** Links that end at a node or an interface that is not there. */
function looseEnds(topology: TopologyDocument): Problem[] {
  const interfaces = new Map(
    topology.nodes.map(({ id, interfaces: own }) => [id, new Set((own ?? []).map((each) => each.id))]),
  );
  return topology.links.flatMap((link, index) =>
    (['1', '2'] as const).flatMap((end) => {
      const [nodeId, interfaceId] = [link[`n${end}`], link[`i${end}`]];
      const known = interfaces.get(nodeId);
      if (known === undefined) return [problemAt(['links', index, `n${end}`], 'the id of a node', describeValue(nodeId))];
      if (known.has(interfaceId)) return [];
      return [problemAt(['links', index, `i${end}`], `the id of an interface of ${nodeId}`, describeValue(interfaceId))];
    }),
  );
}
