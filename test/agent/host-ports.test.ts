import net from 'node:net';
import { listeningPorts, parseListeningPorts } from '../../src/agent/host-ports';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20911 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BB9 0100007F:CF5C 01 00000000:00000000 00:00000000 00000000     0        0 20912 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1
`;

test('listening sockets of both families are found, connections are not', () => {
  expect(parseListeningPorts(table)).toEqual([3000, 8080]);
  expect(parseListeningPorts('')).toEqual([]);
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('a listener of this host is seen within the range only', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  expect(listeningPorts({ from: port, to: port })).toEqual([port]);
  expect(listeningPorts({ from: 1, to: port - 1 })).not.toContain(port);
  await new Promise((resolve) => server.close(resolve));
});
