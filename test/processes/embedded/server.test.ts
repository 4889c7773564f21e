import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { identityOf } from '../../../src/processes/embedded/process-identity';
import { probeHttp } from '../../../src/processes/embedded/probes';
import { ServerStartError, startServer } from '../../../src/processes/embedded/server';
import type { ServerPlan } from '../../../src/processes/embedded/server';
import { startFerretdb } from '../../../src/processes/embedded/ferretdb';
import { cleanUp, shellScript, temporaryDirectory } from './support';

afterEach(cleanUp);

const probeFirstPort: ServerPlan['probe'] = async ([port]) => void (await probeHttp(`http://127.0.0.1:${port}`));

/** A server made of a shell script that gets its port as the only argument. */
function scripted(body: string, probe: ServerPlan['probe'] = probeFirstPort) {
  const directory = temporaryDirectory();
  const lines: string[] = [];
  const plan: ServerPlan = { name: 'thing', ports: 1, args: ([port]) => [String(port)], probe };
  const binary = shellScript(directory, 'thing', body);
  return { plan, lines, options: { directory, binary, report: (line: string) => lines.push(line) } };
}

const serve = `exec ${process.execPath} -e '
  require("http").createServer((request, response) => response.end()).listen(process.argv[1], "127.0.0.1")' -- $1`;

test('a server is ready when it answers, not when it runs', async () => {
  const { plan, options, lines } = scripted(`sleep 0.3; ${serve}`);
  const { child, ports } = await startServer(plan, options);
  await expect(probeHttp(`http://127.0.0.1:${ports[0]}`)).resolves.toBe('');
  await child.stop();
  expect(lines).toEqual([]);
});

test('one that ends instead is an error with its name, its words and its log', async () => {
  const { plan, options, lines } = scripted('echo "no space left" >&2; exit 7');
  const error: unknown = await startServer(plan, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ServerStartError);
  const log = join(options.directory, 'logs', 'thing.log');
  const reason = 'it ended with code 7 and said: no space left';
  expect(String(error)).toContain(`thing did not start: ${reason}; its log is ${log}`);
  expect(lines).toEqual([]);
});

test('one that never answers is an error, and does not stay', async () => {
  const { plan, options } = scripted('echo $$; exec sleep 60');
  const starting = startServer(plan, { ...options, readyTimeoutMs: 400 });
  const error: unknown = await starting.catch((reason: unknown) => reason);
  expect(String(error)).toMatch(/thing did not start: no answer within 0.4 s \(.*fetch failed.*\); its log is/);
  const pid = Number(readFileSync(join(options.directory, 'logs', 'thing.log'), 'utf8'));
  expect(identityOf(pid)).toBeUndefined();
});

test('one whose port was taken meanwhile gets another', async () => {
  const { plan, options, lines } = scripted(`
    if [ ! -e again ]; then touch again; echo "listen: address already in use" >&2; exit 1; fi
    ${serve}`);
  const { child } = await startServer(plan, options);
  await child.stop();
  expect(lines).toEqual(['thing: a port was taken by somebody else, trying others']);
});

test('one that never gets its port is an error in the end, and so is a port that was asked for', async () => {
  const { plan, options, lines } = scripted('echo "address already in use" >&2; exit 1');
  await expect(startServer(plan, options)).rejects.toThrow(/address already in use/);
  expect(lines).toHaveLength(2);
  await expect(startServer(plan, { ...options, port: 1 })).rejects.toThrow(/address already in use/);
  expect(lines).toHaveLength(2);
});

test('an answer of somebody else on that port does not count', async () => {
  const stranger = createServer((_, response) => response.end());
  await new Promise<void>((listening) => stranger.listen(0, '127.0.0.1', listening));
  const { port } = stranger.address() as AddressInfo;
  const slowProbe = async () => {
    await new Promise((later) => setTimeout(later, 300));
    await probeHttp(`http://127.0.0.1:${port}`);
  };
  const { plan, options } = scripted('exit 1', slowProbe);
  try {
    await expect(startServer(plan, { ...options, port })).rejects.toThrow(/ended with code 1/);
  } finally {
    stranger.close();
  }
});

test('a MongoDB that accepts and says nothing is not ready', async () => {
  const directory = temporaryDirectory();
  const mute = `exec ${process.execPath} -e '
    const port = process.argv[1].split(":")[1];
    const hangUp = (socket) => socket.on("data", () => socket.destroy());
    require("net").createServer(hangUp).listen(port, "127.0.0.1")' -- $1`;
  const binary = shellScript(directory, 'mute', mute);
  const starting = startFerretdb({ directory, binary, report: () => undefined, readyTimeoutMs: 600 });
  await expect(starting).rejects.toThrow(/ferretdb did not start: no answer .*closed without an answer/);
});
