import { createLog } from '../../src/processes/log';

const secret = 'q8Zr-Yt0_1kVw3XbN5mC7pLd9sFgHj2KaE4uRiToPzM';

it('a log line holds no credential, wherever in it one stood', () => {
  const lines: string[] = [];
  const log = createLog('api', 'info', {}, { write: (line) => void lines.push(line) });
  const cause = new Error(`connect mongodb://berth:${secret}@127.0.0.1/`);
  log.error({ err: new Error(`refused with Bearer ${secret}`, { cause }), headers: { authorization: secret, cookie: secret, 'set-cookie': [secret] }, token: secret, principal: { password: secret } }, `token berth_t-1_${secret}`);
  log.child({ requestId: `berth_t-1_${secret}` }).info('said by a child');
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).not.toContain(secret.slice(0, 10));
    expect(JSON.parse(line)).toMatchObject({ process: 'api' });
  }
  expect(JSON.parse(lines[0]!)).toMatchObject({ msg: 'token berth_t-1_[redacted]', err: { type: 'Error' } });
});
