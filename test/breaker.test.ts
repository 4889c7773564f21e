import { Breaker, BreakerOpenError } from '../src/breaker';
import { breakerFailuresMax, breakerPauseMs } from '../src/domain/limits';
import { silent } from '../src/telemetry';

class Outage extends Error {}

const down = () => Promise.reject(new Outage('down'));
const refused = () => Promise.reject(new Error('refused'));

let told: string[];
let probes: Array<{ answer(): void; fail(error: Error): void }>;
let breaker: Breaker;

beforeEach(() => {
  jest.useFakeTimers();
  told = [];
  probes = [];
  breaker = new Breaker({
    dependency: 'etcd',
    isOutage: (error) => error instanceof Outage,
    probe: () => new Promise<void>((resolve, reject) => probes.push({ answer: resolve, fail: reject })),
    telemetry: {
      ...silent,
      called: (_dependency, operation, outcome) => told.push(`${operation}: ${outcome}`),
      breakerMoved: (_dependency, state, cause) => told.push(`${state}${cause instanceof Error ? ` (${cause.message})` : ''}`),
    },
  });
});

afterEach(() => {
  breaker.end();
  jest.useRealTimers();
});

async function fail(times: number): Promise<void> {
  for (let time = 0; time < times; time++) await expect(breaker.run('call', down)).rejects.toThrow('down');
}

/** Lets everything that is due happen. */
const passes = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe('a circuit breaker', () => {
  it('lets no call through after so many in a row that nobody answered, and says of which failure that comes', async () => {
    await fail(breakerFailuresMax - 1);
    expect(breaker.state).toBe('closed');
    await fail(1);
    expect(breaker.state).toBe('open');
    const call = jest.fn(down);
    const refusal = breaker.run('call', call);
    await expect(refusal).rejects.toThrow(BreakerOpenError);
    await expect(refusal).rejects.toMatchObject({ cause: { message: 'down' } });
    expect(call).not.toHaveBeenCalled();
    expect(told.slice(-2)).toEqual(['open (down)', 'call: not tried']);
  });

  it('takes a refusal for the answer that it is', async () => {
    await fail(breakerFailuresMax - 1);
    await expect(breaker.run('call', refused)).rejects.toThrow('refused');
    await fail(breakerFailuresMax - 1);
    expect(breaker.state).toBe('closed');
    expect(told).toContain('call: refused');
  });

  it('hands on what is answered', async () => {
    expect(await breaker.run('call', async () => 7)).toBe(7);
    expect(told).toEqual(['call: done']);
  });

  it('makes one trial after each pause, lets nothing through meanwhile, and closes with the first that is answered', async () => {
    await fail(breakerFailuresMax);
    await passes(breakerPauseMs - 1);
    expect(probes).toHaveLength(0);
    await passes(1);
    expect([probes.length, breaker.state]).toEqual([1, 'half-open']);
    await expect(breaker.run('call', down)).rejects.toThrow(BreakerOpenError);
    await passes(10 * breakerPauseMs);
    expect(probes).toHaveLength(1);
    probes[0]!.fail(new Outage('still down'));
    await passes(breakerPauseMs);
    expect([probes.length, breaker.state]).toEqual([2, 'half-open']);
    const onClosed = jest.fn();
    breaker.onClosed(onClosed);
    probes[1]!.answer();
    await passes(0);
    expect(breaker.state).toBe('closed');
    expect(onClosed).toHaveBeenCalledTimes(1);
    expect(await breaker.run('call', async () => 7)).toBe(7);
  });

  it('is closed by a trial that is refused: somebody is there', async () => {
    await fail(breakerFailuresMax);
    await passes(breakerPauseMs);
    probes[0]!.fail(new Error('permission denied'));
    await passes(0);
    expect(breaker.state).toBe('closed');
  });

  it('does not count, after it was closed again, what was called before', async () => {
    const late: Array<(error: Error) => void> = [];
    const calls = Array.from({ length: breakerFailuresMax }, () => breaker.run('late', () => new Promise((_, reject) => late.push(reject))));
    const failed = Promise.allSettled(calls);
    await fail(breakerFailuresMax);
    await passes(breakerPauseMs);
    probes[0]!.answer();
    await passes(0);
    for (const reject of late) reject(new Outage('timed out'));
    await failed;
    expect(breaker.state).toBe('closed');
  });

  it('makes no trial after its end', async () => {
    await fail(breakerFailuresMax);
    breaker.end();
    await passes(10 * breakerPauseMs);
    expect(probes).toHaveLength(0);
  });

  it('makes its trials under a clock that was set back, too', async () => {
    await fail(breakerFailuresMax);
    jest.setSystemTime(Date.now() - 3_600_000);
    await passes(breakerPauseMs);
    expect(probes).toHaveLength(1);
    probes[0]!.fail(new Outage('down'));
    await passes(breakerPauseMs);
    expect(probes).toHaveLength(2);
    probes[1]!.answer();
    await passes(0);
    expect(breaker.state).toBe('closed');
  });
});
