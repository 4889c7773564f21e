import fc from 'fast-check';
import { joinTimeline } from '../../src/api/timeline/join';
import type { WorkflowRun } from '../../src/domain/workflow-run';
import type { Reply } from '../support/client';
import { Client, noopComponent } from '../support/client';
import { at } from '../support/domain-objects';
import { TestApi } from './support/test-api';

type Changes = Parameters<typeof joinTimeline>[0];

const run = (differences: Partial<WorkflowRun> = {}): WorkflowRun => ({ workflowId: 'instance/i-1', runId: 'run-1', status: 'RUNNING', startedAt: at(0), nudges: 1, attempts: [], ...differences });
const changeAt = (sequence: number, ms: number) => ({ sequence, time: at(ms) }) as Changes[number];

describe('a timeline', () => {
  it('holds everything once, the changes in their own order, and what the engine did by time between them', () => {
    const times = fc.array(fc.nat(50), { maxLength: 20 });
    fc.assert(
      fc.property(times, times, (ofChanges, ofAttempts) => {
        const changes = ofChanges.map((ms, index) => changeAt(index + 1, ms));
        const attempts = ofAttempts.map((ms, index) => ({ activity: `step-${index}`, attempt: 1, visible: false, outcome: 'completed' as const, scheduledAt: at(ms) }));
        const items = joinTimeline(changes, [run({ attempts, closedAt: at(60) })], {});
        expect(items.flatMap((item) => (item.what === 'change' ? [item.change.sequence] : []))).toEqual(changes.map(({ sequence }) => sequence));
        const engine = items.filter(({ what }) => what !== 'change').map(({ time }) => time);
        expect(engine).toEqual([...engine].sort());
        expect(engine).toHaveLength(attempts.length + 2);
      }),
    );
  });

  it('in pages shows each attempt on exactly one page', () => {
    const attempts = [5, 10, 15, 25, 99].map((ms) => ({ activity: `at-${ms}`, attempt: 1, visible: false, outcome: 'completed' as const, scheduledAt: at(ms) }));
    const runs = [run({ attempts })];
    const first = joinTimeline([changeAt(1, 8), changeAt(2, 12)], runs, { before: at(15) });
    const second = joinTimeline([changeAt(3, 15), changeAt(4, 20)], runs, { from: at(15) });
    const names = (items: typeof first) => items.map((item) => (item.what === 'attempt' ? item.attempt.activity : item.what === 'change' ? item.change.sequence : item.what));
    expect(names(first)).toEqual(['run started', 'at-5', 1, 'at-10', 2]);
    expect(names(second)).toEqual([3, 'at-15', 4, 'at-25', 'at-99']);
  });
});

describe('GET /instances/{id}/timeline', () => {
  let api: TestApi;
  let client: Client;
  let answered: { runs: readonly WorkflowRun[]; complete: boolean };

  beforeAll(async () => {
    api = await TestApi.start(undefined, (dependencies) => ({ ...dependencies, runsOf: async () => answered }));
    client = new Client(api.url);
  });
  afterAll(() => api.stop());

  async function created(): Promise<string> {
    const definition = await client.define({ components: [noopComponent] });
    const { id } = await client.must<{ id: string }>('POST', '/instances', { definition });
    await client.must('DELETE', `/instances/${id}`);
    return id;
  }

  it('joins changes, with what differs, and the attempts of all runs, with process and error', async () => {
    const attempt = { activity: 'start', attempt: 2, visible: true, outcome: 'failed' as const, scheduledAt: '2999-01-01T00:00:00.000Z', process: 'a-host/7', error: 'no answer' };
    answered = { runs: [run({ startedAt: '2000-01-01T00:00:00.000Z', attempts: [attempt] })], complete: true };
    const { body }: Reply<{ items: Array<Record<string, unknown>>; engineAnswered: boolean }> = await client.call('GET', `/instances/${await created()}/timeline`);
    expect(body.engineAnswered).toBe(true);
    expect(body.items.map(({ what }) => what)).toEqual(['run started', 'change', 'change', 'attempt']);
    expect(body.items[2]).toMatchObject({ change: { type: 'berth.instance.terminate-requested', changes: expect.arrayContaining([{ path: 'spec.intent', before: 'running', after: 'terminated' }]) } });
    expect(body.items[3]).toEqual({ time: attempt.scheduledAt, what: 'attempt', runId: 'run-1', attempt });
  });

  it('past its last change is empty', async () => {
    answered = { runs: [run({ startedAt: '2000-01-01T00:00:00.000Z' })], complete: true };
    const { body } = await client.call('GET', `/instances/${await created()}/timeline?afterSequence=2`);
    expect(body['items']).toEqual([]);
  });

  it('says so when the engine could not be asked, and shows what is on record', async () => {
    answered = { runs: [], complete: false };
    const { status, body } = await client.call('GET', `/instances/${await created()}/timeline`);
    expect([status, body['engineAnswered']]).toEqual([200, false]);
    expect(body['items']).toHaveLength(2);
  });

  it('of an object that is not there is 404', async () => {
    const { status, body } = await client.call('GET', '/instances/i-nobody/timeline');
    expect([status, body['code']]).toEqual([404, 'instance_not_found']);
  });
});
