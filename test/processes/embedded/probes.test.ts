import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { freePortMax, freePortMin } from '../../../src/domain/limits';
import { freePorts, isFree } from '../../../src/processes/embedded/probes';

test('free ports are all different, and anybody may listen on them', async () => {
  const ports = await freePorts(200);

  expect(new Set(ports).size).toBe(200);
  expect(ports.filter((port) => port < freePortMin || port > freePortMax)).toEqual([]);
  expect(await Promise.all(ports.map(isFree))).toEqual(ports.map(() => true));
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('no outgoing connection is ever given one of them by the kernel', () => {
  const [firstOutgoing] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);

  expect(freePortMax).toBeLessThan(firstOutgoing!);
});

test('a port that somebody listens on is not free', async () => {
  const [port] = await freePorts(1);
  const holder = createServer();
  await new Promise<void>((listening) => holder.listen(port, '127.0.0.1', listening));
  try {
    expect(await isFree(port!)).toBe(false);
  } finally {
    await new Promise((closed) => holder.close(closed));
  }
  expect(await isFree(port!)).toBe(true);
});
