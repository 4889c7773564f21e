import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { parse } from 'yaml';
import { address, connected, eventually, exampleDefinition, RunningExample } from './running-example';

interface Topology {
  nodes: Array<{
    id: string;
    label: string;
    tags: string[];
    configuration: Array<{ content: string }>;
    interfaces: Array<{ id: string; label: string }>;
  }>;
  links: Array<{ n1: string; n2: string; i1: string; i2: string }>;
}

const body = exampleDefinition('network-lab');
const answerMs = 5000;
let lab: RunningExample;
const sockets: Socket[] = [];

beforeAll(async () => {
  lab = await RunningExample.start(body);
  // As the readiness probe does it.
  (await eventually(() => connected(lab.port('serial_1')))).destroy();
});

afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));

afterAll(() => RunningExample.killAll());

async function console(port: number): Promise<Socket> {
  const socket = await connected(port);
  sockets.push(socket);
  return socket;
}

/** Collects what comes until the text ends as it should. */
async function readUntil(socket: Socket, end: string): Promise<string> {
  let text = '';
  const late = AbortSignal.timeout(answerMs);
  while (!text.endsWith(end)) {
    const chunk = socket.read() as string | null;
    if (chunk !== null) text += chunk;
    else await once(socket, 'readable', { signal: late });
  }
  return text;
}

async function ask(port: number, device: string, line: string): Promise<string> {
  const socket = await console(port);
  await readUntil(socket, `${device}>`);
  socket.write(`${line}\r\n`);
  const answer = await readUntil(socket, `${device}>`);
  return answer.slice(0, -`${device}>`.length).replaceAll('\r\n', '\n').trimEnd();
}

const devices = ['edge-1', 'edge-2', 'access-1', 'server-1'];
const consoles = devices.map((device, index) => [device, `serial_${index + 1}`] as const);

it('opens every console before the one that is probed', async () => {
  for (const [device, port] of consoles) {
    const banner = await readUntil(await console(lab.port(port)), `${device}>`);
    expect(banner).toContain(`console, instance ${lab.workload.instanceId}`);
  }
});

it('answers from the topology as the yaml package reads it', async () => {
  const { nodes, links } = parse(lab.workload.files['topology.yaml']!) as Topology;
  for (const [device, port] of consoles) {
    const node = nodes.find(({ label }) => label === device)!;
    expect(node.tags).toEqual([`serial:${lab.port(port)}`]);
    expect(await ask(lab.port(port), device, 'show running-config')).toBe(node.configuration[0]!.content.trimEnd());
    const neighbours = (await ask(lab.port(port), device, 'show neighbors')).split('\n').slice(1);
    expect(neighbours.map((line) => line.split(/\s+/)).sort()).toEqual(neighboursOf(node.id, { nodes, links }).sort());
  }
});

function neighboursOf(id: string, { nodes, links }: Topology): string[][] {
  const node = (wanted: string) => nodes.find((each) => each.id === wanted)!;
  const label = (nodeId: string, wanted: string) => node(nodeId).interfaces.find((each) => each.id === wanted)!.label;
  return links.flatMap(({ n1, i1, n2, i2 }) => [
    ...(n1 === id ? [[node(n2).label, label(n1, i1), label(n2, i2)]] : []),
    ...(n2 === id ? [[node(n1).label, label(n2, i2), label(n1, i1)]] : []),
  ]);
}

it('shows addresses from the configurations of routers and of a server', async () => {
  expect(await ask(lab.port('serial_1'), 'edge-1', 'show ip interface brief')).toBe(
    [
      'Interface               IP-Address              Protocol',
      'Loopback0               unassigned              down',
      'GigabitEthernet0/0      192.0.2.2               up',
      'GigabitEthernet0/1      10.0.0.1                up',
      'GigabitEthernet0/2      10.0.10.2               up',
    ].join('\n'),
  );
  expect(await ask(lab.port('serial_4'), 'server-1', 'show ip interface brief')).toMatch(/eth0 +10\.0\.10\.10 +up/);
});

it.each([
  ['sh ver', 'iosv device'],
  ['help', 'show version\nshow ip interface brief\nshow neighbors\nshow running-config\nexit'],
  ['sh', '% Unknown command: sh'],
  ['s s', '% Unknown command: s s'],
  ['show', '% Unknown command: show'],
  ['', ''],
  ['reload', '% Unknown command: reload'],
])('answers to %j', async (line, answer) => {
  expect(await ask(lab.port('serial_1'), 'edge-1', line)).toContain(answer);
});

it('closes after exit', async () => {
  const socket = await console(lab.port('serial_2'));
  socket.resume().write('exit\r\n');
  await once(socket, 'close', { signal: AbortSignal.timeout(answerMs) });
});

it('understands a telnet client: options, line ends, and a line that comes in pieces', async () => {
  const socket = await console(lab.port('serial_3'));
  await readUntil(socket, 'access-1>');
  socket.write(Buffer.from([0xff, 0xfd, 0x03, 0xff, 0xfa, 0x18, 0x00, 0x58, 0xff, 0xf0]));
  for (const piece of ['show ', 'ver', 'sion\r', '\0help\n']) socket.write(piece, 'latin1');
  const answer = await readUntil(socket, 'exit\r\naccess-1>');
  expect(answer).toContain('iosvl2 device');
  expect(answer).not.toContain('Unknown');
});

it('closes a console whose line never ends', async () => {
  const socket = await console(lab.port('serial_1'));
  socket.on('error', () => undefined);
  socket.resume().write('x'.repeat(10_000));
  await once(socket, 'close', { signal: AbortSignal.timeout(answerMs) });
});

it('runs twice on one host', async () => {
  const second = await RunningExample.start(body);
  await eventually(() => connected(second.port('serial_1')).then((socket) => socket.destroy()));
  expect(await ask(second.port('serial_2'), 'edge-2', 'show version')).toContain('edge-2 uptime');
  expect(await ask(lab.port('serial_2'), 'edge-2', 'show version')).toContain('edge-2 uptime');
  expect(await second.stop()).toEqual([0]);
});

it('ends when it is told to', async () => {
  const ending = await RunningExample.start(body);
  (await eventually(() => connected(ending.port('serial_1')))).destroy();
  expect(await ending.stop()).toEqual([0]);
});

it('fails where one of its ports is taken, and leaves the probed one closed', async () => {
  const taken = createServer();
  const broken = await RunningExample.start(body, (workload) => {
    taken.listen(workload.ports.serial_3, address);
    return workload;
  });
  expect(await broken.exitCode()).toBe(1);
  expect(broken.output.join('')).toContain('EADDRINUSE');
  await expect(connected(broken.port('serial_1'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  taken.close();
});

it('refuses a topology in which a placeholder was left standing', async () => {
  const broken = await RunningExample.start(body, (workload) => {
    const topology = workload.files['topology.yaml']!.replaceAll(String(workload.ports.serial_2), '${PORT_SERIAL_2}');
    return { ...workload, files: { ...workload.files, 'topology.yaml': topology } };
  });
  expect(await broken.exitCode()).toBe(1);
  expect(broken.output.join('')).toContain('the console of edge-2 has no port: serial:${PORT_SERIAL_2}');
});
