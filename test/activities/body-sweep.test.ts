import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { SweepTakenOverError } from '../../src/activities/body-sweep';
import { systemClock } from '../../src/activities/clock';
import { Fleet } from '../../src/activities/fleet';
import { InstanceLifecycle } from '../../src/activities/instance-lifecycle';
import { Placement } from '../../src/activities/placement';
import { Workloads } from '../../src/activities/workload';
import type { DefinitionView } from '../../src/api/definitions/api-schemas';
import { sha256Hex } from '../../src/hash';
import type { BodyCollection } from '../../src/stores/etcd/body-guard';
import type { CommitOutcome, Decision } from '../../src/stores/etcd/commit';
import { Committer } from '../../src/stores/etcd/committer';
import { definitionBodies, workloadBodies } from '../../src/stores/mongo/bodies';
import type { BodyCopy } from '../../src/stores/mongo/body-copies';
import { definitions, webDocument } from '../api/support/objects';
import { freshWorld, TestApi } from '../api/support/test-api';
import { eventually } from '../support/etcd';
import { hourMs, MaintenanceLab } from './support/maintenance-lab';

/** Commits, but for what a test puts before the next decision whose id matches. */
class HookedCommitter extends Committer {
  private hook: { readonly match: RegExp; readonly before: () => Promise<void> } | undefined;

  once(match: RegExp, before: () => Promise<void>): void {
    this.hook = { match, before };
  }

  override async commit(decision: Decision): Promise<CommitOutcome> {
    const { hook } = this;
    if (hook?.match.test(decision.id)) {
      this.hook = undefined;
      await hook.before();
    }
    return super.commit(decision);
  }
}

let api: TestApi;
let lab: MaintenanceLab;
let committer: HookedCommitter;

/** How often the API has put a document, and what happens just after the next time. */
const puts: { count: number; onNext: (() => void) | undefined } = { count: 0, onNext: undefined };

beforeEach(async () => {
  Object.assign(puts, { count: 0, onNext: undefined });
  api = await TestApi.start(freshWorld(), (dependencies) => ({
    ...dependencies,
    committer: (committer = new HookedCommitter(dependencies.etcd, () => 1)),
    definitionBodies: {
      get: (hash) => dependencies.definitionBodies.get(hash),
      put: async (body) => {
        const hash = await dependencies.definitionBodies.put(body);
        puts.count += 1;
        puts.onNext?.();
        return hash;
      },
    },
  }));
  lab = new MaintenanceLab(api);
});

afterEach(async () => {
  await api.stop();
});

const killed = () => Promise.reject(new Error('killed'));

/** The documents of definitions, with something that happens before one is deleted. */
function removing(before: () => Promise<void>) {
  const copies = lab.copies.lablet_definitions;
  return {
    list: () => copies.list(),
    remove: async (found: readonly BodyCopy[]) => {
      await before();
      await copies.remove(found);
    },
  };
}

/** A place where something stands still until it is released. */
function aHold() {
  let release = () => undefined as void;
  let arrive = () => undefined as void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const held = new Promise<void>((resolve) => (arrive = resolve));
  return { held, release, hold: () => (arrive(), released) };
}

async function hashes(collection: BodyCollection): Promise<string[]> {
  return (await lab.copies[collection].list()).map(({ hash }) => hash);
}

/** Two runs of the sweep, more than an hour apart. */
async function sweepTwice(aheadMs = 0): Promise<void> {
  await lab.sweep({ aheadMs });
  await lab.sweep({ aheadMs: aheadMs + 1.1 * hourMs });
}

/** An instance that is placed, so that its start is due. */
async function placedInstance(): Promise<{ readonly id: string; readonly workerId: string }> {
  await lab.objects.definition();
  await lab.objects.template();
  const worker = await lab.objects.worker();
  await lab.lifecycle.provision(worker.id);
  const { id } = await lab.objects.instance();
  await lab.lifecycle.place(id, worker.id, { http: 2000 });
  return { id, workerId: worker.id };
}

function lifecycles(): InstanceLifecycle {
  const { etcd: client, cached, fresh, definitionBodies: definitions, artifactBodies: artifacts } = api.dependencies;
  const clock = systemClock;
  const log = pino({ level: 'silent' });
  const placement = new Placement({ client, cached, committer, fleet: new Fleet(cached), clock, log });
  const workloads = new Workloads({ cached, fresh, definitions, artifacts, workloads: workloadBodies(api.mongo) });
  return new InstanceLifecycle({ fresh, cached, committer, placement, workloads, clock, log });
}

/** Runs the start; nobody obeys it. */
function runStart(id: string) {
  const gone = new AbortController();
  gone.abort(); // Nobody waits for the host.
  return lifecycles().run('start', id, { visible: false, signal: gone.signal });
}

describe('every kind of document that was put before a commit that never came is invisible, and is swept', () => {
  test('a definition', async () => {
    const kept = await lab.objects.definition(webDocument({ name: 'kept' }));
    committer.once(/^definitions\//, killed);
    expect((await api.client.post(definitions, webDocument({ name: 'lost' }))).status).toBe(500);
    expect(await hashes('lablet_definitions')).toHaveLength(2);
    expect((await api.client.get<{ items: unknown[] }>(`${definitions}?name=lost`)).body.items).toEqual([]);
    await sweepTwice();
    expect(await hashes('lablet_definitions')).toEqual([kept.spec.contentHash]);
    expect(await lab.unnamed.list()).toHaveLength(1);
    await lab.sweep();
    expect(await lab.unnamed.list()).toEqual([]);
  });

  test('an artifact, which is put anew when the commit comes after all', async () => {
    writeFileSync(join(api.artifactsDirectory, 'greeting.txt'), 'hello');
    const document = webDocument({ artifact: { uri: 'file:greeting.txt', format: 'text', path: 'greeting.txt' } });
    committer.once(/^definitions\/.*\/ACTIVE/, killed);
    const { body } = await api.client.post<DefinitionView>(definitions, document);
    expect(body.status).toMatchObject({ phase: 'PENDING_SYNC' });
    expect(body.status.artifact).toBeUndefined();
    expect(await hashes('artifacts')).toEqual([sha256Hex('hello')]);
    await sweepTwice();
    expect(await hashes('artifacts')).toEqual([]);
    // Another replica starts, and takes up what waits for its artifact.
    const world = { prefix: api.dependencies.etcd.prefix, database: api.mongo.collection('artifacts').dbName };
    const replica = await TestApi.start(world, (dependencies) => ({ ...dependencies, artifactsDirectory: api.artifactsDirectory }));
    await eventually('the definition is ACTIVE', async () => (await api.client.get<DefinitionView>(`${definitions}/${body.id}`)).body.status.phase === 'ACTIVE');
    await replica.stop();
    await sweepTwice(3 * hourMs);
    expect(await hashes('artifacts')).toEqual([sha256Hex('hello')]);
  });

  test('a workload', async () => {
    const { id, workerId } = await placedInstance();
    committer.once(/start\.begin/, killed);
    await expect(runStart(id)).rejects.toThrow('killed');
    expect(await hashes('workloads')).toHaveLength(1);
    expect((await api.client.get<{ status: { phase: string } }>(`/api/v1/instances/${id}`)).body.status.phase).toBe('SCHEDULED');
    expect(await lab.keys(`workers/${workerId}/plan/`)).toEqual([]);
    await sweepTwice();
    expect(await hashes('workloads')).toEqual([]);

    expect(await runStart(id)).toMatchObject({ phase: 'INSTANTIATING' });
    expect(await hashes('workloads')).toHaveLength(1);
    await sweepTwice(3 * hourMs);
    expect(await hashes('workloads')).toHaveLength(1);
  });
});

test('a workload goes when the last instance that names it has retired, its definition stays', async () => {
  const { id } = await placedInstance();
  await runStart(id);
  await lab.lifecycle.complete(id, 'start');
  await api.client.delete(`/api/v1/instances/${id}`);
  await lab.lifecycle.begin(id, 'remove', (await api.dependencies.fresh.instance(id)).status.value.workloadHash);
  await lab.lifecycle.complete(id, 'remove');
  await sweepTwice();
  expect(await hashes('workloads')).toHaveLength(1);
  await lab.project();
  await lab.retire();
  await sweepTwice(3 * hourMs);
  expect(await hashes('workloads')).toEqual([]);
  expect(await hashes('lablet_definitions')).toHaveLength(1);
});

test('the document of a definition that was deleted and has retired stays', async () => {
  await lab.endedDefinition(webDocument());
  await lab.project();
  await lab.retire();
  expect(await lab.keys('definitions/')).toEqual([]);
  await sweepTwice();
  expect(await hashes('lablet_definitions')).toHaveLength(1);
});

test('what has been unnamed for less than an hour is left alone, and so is what was named meanwhile', async () => {
  committer.once(/^definitions\//, killed);
  await api.client.post(definitions, webDocument());
  await lab.sweep();
  await lab.sweep({ aheadMs: 0.9 * hourMs });
  expect(await hashes('lablet_definitions')).toHaveLength(1);
  await lab.objects.definition(webDocument());
  await lab.sweep({ aheadMs: 2 * hourMs });
  expect(await hashes('lablet_definitions')).toHaveLength(1);
});

describe('a body that comes to be named while it is swept is there in the end', () => {
  /** Leaves a definition's document that the next sweep, two hours ahead, takes away. */
  async function leaveDocument(): Promise<void> {
    committer.once(/^definitions\//, killed);
    await api.client.post(definitions, webDocument());
    await lab.sweep();
  }

  async function expectWhole({ status, body }: { readonly status: number; readonly body: DefinitionView }): Promise<void> {
    expect(status).toBe(201);
    // Read by somebody who has it not in memory.
    expect(await definitionBodies(api.mongo).get(body.spec.contentHash)).toMatchObject({ name: 'web' });
  }

  test('when it is put between the closing and the deletion', async () => {
    await leaveDocument();
    let creating: Promise<{ status: number; body: DefinitionView }> | undefined;
    const createMeanwhile = async () => {
      const putAgain = new Promise<void>((resolve) => (puts.onNext = resolve));
      creating = api.client.post<DefinitionView>(definitions, webDocument());
      await putAgain;
    };
    await lab.sweep({ aheadMs: 2 * hourMs, copies: { lablet_definitions: removing(createMeanwhile) } });
    await expectWhole((await creating)!);
  });

  test('when the whole sweep happens between putting it and the commit', async () => {
    await leaveDocument();
    let swept = '';
    committer.once(/^definitions\//, async () => {
      swept = (await lab.sweep({ aheadMs: 2 * hourMs })).summary;
    });
    await expectWhole(await api.client.post<DefinitionView>(definitions, webDocument()));
    expect(swept).toContain('1 of them');
  });

  test('when the commit comes after the names were listed, and before the deletion', async () => {
    await leaveDocument();
    const { hold, held, release } = aHold();
    let sweeping: Promise<unknown> | undefined;
    committer.once(/^definitions\//, async () => {
      sweeping = lab.sweep({ aheadMs: 2 * hourMs, copies: { lablet_definitions: removing(hold) } });
      await held;
    });
    const created = api.client.post<DefinitionView>(definitions, webDocument());
    await held;
    puts.onNext = release; // The commit was refused, and the document is put anew.
    await expectWhole(await created);
    await sweeping;
    expect(puts.count).toBeGreaterThan(2);
  });

  test('when it is the artifact of a definition', async () => {
    writeFileSync(join(api.artifactsDirectory, 'greeting.txt'), 'hello');
    const artifact = { uri: 'file:greeting.txt', format: 'text', path: 'greeting.txt' };
    committer.once(/\/ACTIVE/, killed);
    await api.client.post(definitions, webDocument({ artifact }));
    await lab.sweep();
    let swept = '';
    committer.once(/\/ACTIVE/, async () => {
      swept = (await lab.sweep({ aheadMs: 2 * hourMs })).summary;
    });
    const { body } = await api.client.post<DefinitionView>(definitions, webDocument({ version: '2.0.0', artifact }));
    expect(swept).toContain('1 of them');
    // It is looked after again later, as one whose server had died.
    expect(body.status.phase).toBe('PENDING_SYNC');
    expect(await hashes('artifacts')).toEqual([]);
  });

  test('when it is the workload of a start', async () => {
    const { id } = await placedInstance();
    committer.once(/start\.begin/, killed);
    await expect(runStart(id)).rejects.toThrow('killed');
    await lab.sweep();
    let swept = '';
    committer.once(/start\.begin/, async () => {
      swept = (await lab.sweep({ aheadMs: 2 * hourMs })).summary;
    });
    expect(await runStart(id)).toMatchObject({ phase: 'SCHEDULED', next: { kind: 'run', step: 'start' } });
    expect(swept).toContain('1 of them');
    expect(await hashes('workloads')).toEqual([]);
    expect(await runStart(id)).toMatchObject({ phase: 'INSTANTIATING' });
    const { status } = await api.dependencies.fresh.instance(id);
    expect(await hashes('workloads')).toEqual([status.value.workloadHash]);
  });

  test('when the sweeper dies after it has closed the door: the next run finishes, and opens it', async () => {
    await leaveDocument();
    await expect(lab.sweep({ aheadMs: 2 * hourMs, copies: { lablet_definitions: removing(killed) } })).rejects.toThrow('killed');
    const creating = api.client.post<DefinitionView>(definitions, webDocument());
    await lab.sweep();
    await expectWhole(await creating);
  });

  test('when the sweeper sleeps before it deletes, while another run finishes and the body is put anew and named', async () => {
    await leaveDocument();
    const { hold, held, release } = aHold();
    const sleeping = lab.sweep({ aheadMs: 2 * hourMs, copies: { lablet_definitions: removing(hold) } });
    const ended = expect(sleeping).rejects.toThrow(SweepTakenOverError);
    await held;
    await lab.sweep();
    const created = await api.client.post<DefinitionView>(definitions, webDocument());
    release();
    await ended;
    await expectWhole(created);
  });
});
