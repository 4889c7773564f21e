import { pino } from 'pino';
import { ControlPlaneRefusal } from '../../src/agent/control-plane';
import { ObservationOutbox, type ReportedObservation } from '../../src/agent/observations';
import type { ObservationsRequest, ObservationsResponse } from '../../src/domain/plan';
import { eventually } from './harness';

const logger = pino({ enabled: false });

function observation(allocationId: string, attempt = 1): ReportedObservation {
  return { allocationId, instanceId: 'i', attempt, planRevision: '1', state: 'running', components: {}, observedAt: '2026-01-01T00:00:00.000Z' };
}

/** Answers as the test says, one request after the other. */
class Receiver {
  readonly requests: ObservationsRequest[] = [];
  respond: (request: ObservationsRequest) => Promise<void> = () => Promise.resolve();
  superseded: string[] = [];

  async observe(request: ObservationsRequest): Promise<ObservationsResponse> {
    this.requests.push(request);
    await this.respond(request);
    return {
      results: request.observations.map(({ allocationId }) => ({
        allocationId,
        result: this.superseded.includes(allocationId) ? 'superseded' : 'recorded',
      })),
    };
  }

  get sent(): string[][] {
    return this.requests.map(({ observations }) => observations.map(({ allocationId, attempt }) => `${allocationId}${attempt}`));
  }
}

describe('ObservationOutbox', () => {
  let receiver: Receiver;
  let outbox: ObservationOutbox;
  const givenUp: string[] = [];
  beforeEach(() => {
    receiver = new Receiver();
    givenUp.length = 0;
    outbox = new ObservationOutbox(receiver, logger, ({ allocationId }) => givenUp.push(allocationId));
  });
  afterEach(() => outbox.close());

  test('sends at once, and collects while a request is under way: the latest of each allocation', async () => {
    let answer: () => void = () => undefined;
    receiver.respond = () => new Promise((resolve) => (answer = resolve));
    outbox.put(observation('a'));
    await eventually(() => receiver.requests.length === 1, 'the first request');
    outbox.put(observation('b', 1));
    outbox.put(observation('a', 2));
    outbox.put(observation('b', 2));
    outbox.put(observation('a', 3));
    receiver.respond = () => Promise.resolve();
    answer();
    await eventually(() => receiver.requests.length === 2, 'the second request');
    expect(receiver.sent).toEqual([['a1'], ['a3', 'b2']]);
  });

  test('sends at most fifty at a time', async () => {
    for (let n = 0; n < 120; n += 1) outbox.put(observation(`a${n}-`));
    await eventually(() => receiver.sent.flat().length === 120, 'all are sent');
    expect(receiver.sent.map((batch) => batch.length)).toEqual([50, 50, 20]);
  });

  test('keeps what was not acknowledged, in its latest form', async () => {
    receiver.respond = () => Promise.reject(new Error('connection refused'));
    outbox.put(observation('a', 1));
    await eventually(() => receiver.requests.length === 1, 'a failing request');
    outbox.put(observation('a', 2));
    receiver.respond = () => Promise.resolve();
    outbox.hurry();
    await eventually(() => receiver.requests.length === 2, 'another request');
    expect(receiver.sent[1]).toEqual(['a2']);
  });

  test('does not let one observation that is refused keep back the others', async () => {
    receiver.respond = ({ observations }) =>
      observations.some(({ allocationId }) => allocationId === 'bad')
        ? Promise.reject(new ControlPlaneRefusal(400, 'invalid', 'invalid'))
        : Promise.resolve();
    for (const id of ['a', 'bad', 'b']) outbox.put(observation(id));
    await eventually(() => receiver.sent.flat().includes('b1') && receiver.requests.length >= 4, 'the others are sent');
    outbox.put(observation('c'));
    await eventually(() => receiver.sent.at(-1)?.[0] === 'c1', 'it goes on');
  });

  test('says what is superseded', async () => {
    receiver.superseded = ['b'];
    outbox.put(observation('a'));
    outbox.put(observation('b'));
    await eventually(() => givenUp.length > 0, 'it is said');
    expect(givenUp).toEqual(['b']);
  });

  test('sends the ports of the host with the next request, or alone', async () => {
    outbox.putHostPorts([2000]);
    outbox.put(observation('a'));
    await eventually(() => receiver.requests.length === 1, 'one request');
    expect(receiver.requests[0]).toMatchObject({ hostPorts: [2000], observations: [{ allocationId: 'a' }] });
    outbox.putHostPorts([]);
    await eventually(() => receiver.requests.length === 2, 'another request');
    expect(receiver.requests[1]).toEqual({ hostPorts: [], observations: [] });
  });
});
