import { parseAgentConfig } from '../../src/agent/config';

const config = {
  workerId: 'w',
  api: 'http://127.0.0.1:1',
  token: 't',
  directory: '/var/lib/berth',
  address: '127.0.0.1',
  portRange: { from: 2000, to: 2999 },
};

test('a configuration is read, and what else it holds is left aside', () => {
  expect(parseAgentConfig(JSON.stringify({ ...config, attempt: 3 }), 'f')).toEqual(config);
});

test.each<[string, unknown, string]>([
  ['no object', 7, 'expected an object'],
  ['no token', { ...config, token: undefined }, 'f: token: expected a text'],
  ['an empty address', { ...config, address: '' }, 'f: address: expected a text'],
  ['a range upside down', { ...config, portRange: { from: 3, to: 2 } }, 'f: portRange: expected'],
  ['a port too high', { ...config, portRange: { from: 3, to: 70_000 } }, 'f: portRange: expected'],
])('%s is refused', (_name, value, message) => {
  expect(() => parseAgentConfig(JSON.stringify(value), 'f')).toThrow(message);
});
