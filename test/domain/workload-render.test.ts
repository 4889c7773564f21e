import fc from 'fast-check';
import type { Component, DefinitionBody } from '../../src/domain/definition';
import { requestedPorts, totalResources } from '../../src/domain/definition-requests';
import { workloadFilesBytesMax } from '../../src/domain/limits';
import { placeholdersIn, portPlaceholder } from '../../src/domain/placeholder';
import type { WorkloadRefused } from '../../src/domain/workload-render';
import { renderWorkload } from '../../src/domain/workload-render';

const component: Component = {
  name: 'web',
  runtime: 'process',
  command: ['node', 'web.mjs', '--port=${PORT_HTTP}'],
  environment: { URL: 'http://${BERTH_ADDRESS}:${PORT_HTTP}', ID: '${BERTH_INSTANCE_ID}' },
  ports: [{ name: 'http', protocol: 'tcp' }],
  resources: { cpuMillicores: 100, memoryMib: 64, storageMib: 10 },
  readiness: { kind: 'tcp', port: 'http', intervalMs: 100, timeoutMs: 1000 },
  stop: { signal: 'SIGTERM', graceMs: 1000 },
};

const body: DefinitionBody = {
  schemaVersion: 1,
  name: 'service',
  version: '1.2.3',
  description: '',
  labels: {},
  components: [component],
  ports: [],
  files: { 'web.mjs': 'listen(${PORT_HTTP}) // ${port}' },
  constraints: { labels: {} },
  restart: { policy: 'never' },
  retry: { attemptsMax: 1, initialBackoffMs: 1, maxBackoffMs: 1, factor: 1 },
};

const artifact = { uri: 'file:lab.yaml', format: 'cml', path: 'topology.yaml' } as const;
const given = { instanceId: 'i-1', ports: { http: 2000 }, address: '10.0.0.5' };

it('replaces placeholders in command, environment and files', () => {
  expect(renderWorkload({ body, ...given })).toEqual({
    schemaVersion: 1,
    instanceId: 'i-1',
    definition: { name: 'service', version: '1.2.3' },
    components: [
      {
        name: 'web',
        runtime: 'process',
        command: ['node', 'web.mjs', '--port=2000'],
        environment: { URL: 'http://10.0.0.5:2000', ID: 'i-1' },
        resources: component.resources,
        readiness: component.readiness,
        stop: component.stop,
      },
    ],
    ports: { http: 2000 },
    files: { 'web.mjs': 'listen(2000) // ${port}' },
  });
});

it('puts the rendered artifact where the definition wants it', () => {
  const workload = renderWorkload({ body: { ...body, artifact }, artifactText: 'tag: http:${PORT_HTTP}\r\n', ...given });
  expect(workload.files).toEqual({ 'web.mjs': 'listen(2000) // ${port}', 'topology.yaml': 'tag: http:2000\r\n' });
});

it('is refused without the text of its artifact', () => {
  expect(() => renderWorkload({ body: { ...body, artifact }, ...given })).toThrow(
    expect.objectContaining({ name: 'WorkloadRefused', code: 'artifact_missing' }) as WorkloadRefused,
  );
});

it('is refused when a port was not allocated', () => {
  const refusal = { code: 'unknown_placeholder', message: 'unknown placeholder ${PORT_HTTP}' };
  expect(() => renderWorkload({ body, ...given, ports: {} })).toThrow(
    expect.objectContaining(refusal) as WorkloadRefused,
  );
});

it('is refused beyond the bound of its rendered files, counted in bytes', () => {
  const sized = (bytes: number) => ({ ...body, files: { a: 'ü'.repeat(bytes / 2), b: '' } });
  expect(renderWorkload({ body: sized(workloadFilesBytesMax), ...given }).files.b).toBe('');
  expect(() => renderWorkload({ body: sized(workloadFilesBytesMax + 2), ...given })).toThrow(
    expect.objectContaining({ code: 'workload_too_large' }) as WorkloadRefused,
  );
});

it('leaves no placeholder, and every allocated port appears', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}[0-9]?$/), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(names, fc.nat({ max: 50_000 }), (portNames, base) => {
      const ports = Object.fromEntries(portNames.map((name, index) => [name, base + index]));
      const text = portNames.map((name) => `tag: serial:\${${portPlaceholder(name)}}`).join('\n');
      const lab = { ...body, components: [], files: {}, artifact };
      const { files } = renderWorkload({ body: lab, artifactText: text, ...given, ports });
      const rendered = files[artifact.path]!;
      expect(placeholdersIn(rendered, 'file')).toEqual([]);
      expect(rendered.split('\n')).toEqual(portNames.map((name) => `tag: serial:${ports[name]}`));
    }),
  );
});

describe('what is requested for an instance', () => {
  it('is every port of its components, of itself and of its artifact', () => {
    const ports = [{ name: 'admin', protocol: 'tcp', port: 2555 }] as const;
    const facts = { ports: [{ name: 'serial_1', protocol: 'tcp' }] } as const;
    expect(requestedPorts({ ...body, ports }, facts).map(({ name }) => name)).toEqual(['http', 'admin', 'serial_1']);
    expect(requestedPorts(body)).toEqual(component.ports);
  });

  it('is one port where definition and artifact mean the same placeholder, as the definition says', () => {
    const ports = [{ name: 'serial-1', protocol: 'tcp', port: 2101 }] as const;
    const facts = { ports: [{ name: 'serial_1', protocol: 'tcp' }] } as const;
    expect(requestedPorts({ components: [], ports }, facts)).toEqual(ports);
  });

  it('is the sum of what its components need', () => {
    const twice = { cpuMillicores: 200, memoryMib: 128, storageMib: 20 };
    expect(totalResources({ components: [component, component] })).toEqual(twice);
    expect(totalResources({ components: [] })).toEqual({ cpuMillicores: 0, memoryMib: 0, storageMib: 0 });
  });
});
