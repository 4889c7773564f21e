import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { syncArtifact } from '../../../src/api/artifacts/sync-artifact';
import { parseDefinition } from '../../../src/api/definitions/document';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'berth-sync-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function topology(tag: string, more = ''): void {
  const node = `{ id: n0, label: r1, node_definition: iosv, tags: ['${tag}'] }`;
  writeFileSync(path.join(directory, 'lab.yaml'), `lab: { version: 0.3.0 }\nnodes:\n  - ${node}\nlinks: []\n${more}`);
}

function definition(component: string, format = 'cml', rest = '') {
  return parseDefinition(
    `name: lab\nversion: 1.0.0\ncomponents:\n  - { name: runner, command: [run], ${component} }\n` +
      `artifact: { uri: 'file:lab.yaml', format: ${format}, path: lab.yaml }\n${rest}`,
  );
}

const console1 = 'serial:${PORT_SERIAL_1}';

it('is nothing for a definition without an artifact', async () => {
  const body = parseDefinition('name: a\nversion: 1.0.0\ncomponents: [{ name: a, command: [a] }]\n');
  await expect(syncArtifact(body, { directory: '/nowhere' })).resolves.toBeUndefined();
});

it('lets a definition use the ports that its topology brings', async () => {
  topology(console1);
  const body = definition("readiness: { tcp: { port: serial_1 } }, environment: { A: '${PORT_SERIAL_1}' }");
  const artifact = await syncArtifact(body, { directory });
  expect(artifact?.facts).toMatchObject({ ports: [{ name: 'serial_1' }], nodeCount: 1 });
});

it.each([
  ['a readiness port', 'readiness: { tcp: { port: serial_2 } }', '', 'expected the name of one of the tcp ports serial_1'],
  ['a placeholder of the definition', "environment: { A: '${PORT_SERIAL_2}' }", '', 'components[0].environment.A: expected'],
  ['a placeholder of the topology', 'ports: []', '# ${SERIAL_1}\n', 'artifact: expected one of the placeholders'],
  ['a placeholder that no tag asks for', 'ports: []', '# see\n# ${PORT_SERIAL_2}\n', '"${PORT_SERIAL_2}" on line 6'],
])('refuses %s that is not there', async (_, component, more, message) => {
  topology(console1, more);
  await expect(syncArtifact(definition(component), { directory })).rejects.toMatchObject({
    code: 'artifact_invalid',
    message: expect.stringContaining(message) as string,
    cause: { code: 'invalid_document' },
  });
});

it('gives a text the ports of the definition only', async () => {
  writeFileSync(path.join(directory, 'lab.yaml'), 'listen ${PORT_HTTP} $${PORT_B}');
  await expect(syncArtifact(definition('ports: [{ name: http }]', 'text'), { directory })).resolves.toBeDefined();
  await expect(syncArtifact(definition('ports: []', 'text'), { directory })).rejects.toThrow('found "${PORT_HTTP}"');
});

it('refuses an artifact that is too large to be rendered, before any instance is asked for', async () => {
  topology(console1, `# ${'x'.repeat(100_000)}\n`);
  await expect(syncArtifact(definition('ports: []'), { directory })).resolves.toBeDefined();
  const files = `files: { a: ${'y'.repeat(50_000)} }\n`;
  const both = syncArtifact(definition('ports: []', 'cml', files), { directory });
  await expect(both).rejects.toThrow('artifact: expected at most 131072 bytes');
});
