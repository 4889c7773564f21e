import { seedAdministrator } from './administrator';
import { rememberToken } from './credentials';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import pino from 'pino';
import { systemClock } from '../../src/activities/clock';
import { Fleet } from '../../src/activities/fleet';
import { InstanceLifecycle } from '../../src/activities/instance-lifecycle';
import { Placement } from '../../src/activities/placement';
import { WorkerLifecycle } from '../../src/activities/worker-lifecycle';
import { Workloads } from '../../src/activities/workload';
import { createApi } from '../../src/api/app';
import type { Answer, LifecycleStep, ObjectReference } from '../../src/domain/answer';
import { LocalProvider } from '../../src/drivers/providers/local';
import type { Provider } from '../../src/drivers/providers/provider';
import type { Documents } from '../../src/processes/documents';
import { openDocuments } from '../../src/processes/documents';
import { Metrics } from '../../src/processes/metrics';
import { alone } from '../../src/stores/mongo/migrate';
import type { LiveStores } from '../../src/processes/stores';
import { openLiveStores } from '../../src/processes/stores';
import type { CommitOutcome, Decision } from '../../src/stores/etcd/commit';
import { Committer } from '../../src/stores/etcd/committer';
import { instanceSpecDecision, sequenceAfter, workerSpecDecision } from '../../src/stores/etcd/decisions';
import type { InstanceEntries, WorkerEntries } from '../../src/stores/etcd/objects';
import { Client } from './client';
import { freshDatabase, freshPrefix, testServers } from './servers';

function raised(entries: InstanceEntries | WorkerEntries): { generation: number; sequence: number } {
  return { generation: entries.spec.value.generation + 1, sequence: sequenceAfter(entries) };
}

/** Where a commit is hit: before it happens, or after it, when its answer is lost to a crash. */
export type CommitFault = 'before commit' | 'after commit';

export class PlantedFault extends Error {
  override readonly name = 'PlantedFault';
}

/** Fails chosen commits once, and remembers which it failed. */
class FaultyCommitter extends Committer {
  private fault: { readonly step: string; readonly when: CommitFault } | undefined;
  /** Commit ids that a fault has hit. */
  readonly hits: string[] = [];

  plant(step: string, when: CommitFault): void {
    this.fault = { step, when };
  }

  override async commit(decision: Decision): Promise<CommitOutcome> {
    const { fault } = this;
    if (!fault || !decision.id.split('/').at(-1)!.startsWith(`${fault.step}.`)) return super.commit(decision);
    this.fault = undefined;
    this.hits.push(decision.id);
    if (fault.when === 'after commit') await super.commit(decision);
    throw new PlantedFault(`${fault.when}: ${decision.id}`);
  }
}

/**
 * Lifecycles on real stores, a real API and real agents, but without the engine: a test takes the engine's part, so
 * that it can fail or repeat any step it likes.
 */
export class LifecycleLab {
  readonly client: Client;
  private readonly instances: InstanceLifecycle;
  private readonly workers: WorkerLifecycle;

  private constructor(
    readonly live: LiveStores,
    private readonly documents: Documents,
    private readonly api: INestApplication,
    readonly committer: FaultyCommitter,
    readonly provider: LocalProvider & { fail?: Error },
    readonly directory: string,
    url: string,
  ) {
    const clock = systemClock;
    const log = pino({ level: 'silent' });
    this.client = new Client(url);
    const fleet = new Fleet(live.cached);
    const placement = new Placement({ ...live, committer, fleet, clock, log });
    const workloads = new Workloads({ ...live, ...documents });
    this.instances = new InstanceLifecycle({ ...live, committer, placement, workloads, clock, log });
    const failing: Provider = {
      name: 'local',
      create: (request) => (provider.fail ? Promise.reject(provider.fail) : provider.create(request)),
      destroy: (externalId, signal) => provider.destroy(externalId, signal),
      exists: (externalId) => provider.exists(externalId),
    };
    this.workers = new WorkerLifecycle({ ...live, committer, providers: new Map([['local', failing]]), clock, log });
  }

  static async open(): Promise<LifecycleLab> {
    const { etcd, mongodb } = testServers();
    const log = pino({ enabled: false });
    const metrics = new Metrics(log);
    const directory = mkdtempSync(join(tmpdir(), 'berth-lab-'));
    const live = await openLiveStores({ etcdEndpoints: [etcd], etcdPrefix: `${freshPrefix()}/` }, log, metrics);
    const documents = await openDocuments({ mongodbUri: mongodb, mongodbDatabase: freshDatabase() }, metrics, alone);
    const api = await createApi({
      ...live,
      etcd: live.client,
      etcdMembers: new Map(),
      etcdQuotaBytes: 2 * 1024 ** 3,
      definitionBodies: documents.definitions,
      artifactBodies: documents.artifacts,
      workloads: documents.workloads,
      auditEvents: documents.auditEvents,
      auditMutations: documents.auditEvents,
      auditRefusals: documents.auditRefusals,
      refusalsDropped: () => undefined,
      snapshots: documents.snapshots,
      runsOf: async () => ({ runs: [], complete: true }),
      retired: documents.retired,
      nudge: () => undefined,
      artifactsDirectory: directory,
      dependenciesHealth: [],
      metrics,
      log,
    });
    await api.listen(0, '127.0.0.1');
    const { port } = (api.getHttpServer() as { address(): AddressInfo }).address();
    const url = `http://127.0.0.1:${port}`;
    const agentEntry = join(__dirname, '../../dist/processes/agent.js');
    const provider = new LocalProvider({ root: join(directory, 'workers'), apiUrl: url, agentEntry, address: '127.0.0.1' });
    const committer = new FaultyCommitter(live.client, () => 1);
    rememberToken(url, await seedAdministrator(live.client));
    return new LifecycleLab(live, documents, api, committer, provider, directory, url);
  }

  async close(): Promise<void> {
    await this.provider.stopAll();
    await this.api.close();
    await this.documents.close();
    this.live.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  look(object: ObjectReference): Promise<Answer> {
    return this.lifecycleOf(object).look(object.id);
  }

  /** Runs one step as the engine would run it visibly. */
  run(step: LifecycleStep, object: ObjectReference): Promise<Answer> {
    return this.lifecycleOf(object).run(step, object.id, { visible: true, signal: new AbortController().signal });
  }

  /** Takes the engine's part until a phase is reached, and nothing is due there; answers the steps that it ran. */
  async drive(object: ObjectReference, until: string): Promise<LifecycleStep[]> {
    return this.follow(object, (answer) => answer.phase === until && answer.next.kind !== 'run');
  }

  /** Takes the engine's part until a step is due, and leaves it undone. */
  async driveToStep(object: ObjectReference, step: LifecycleStep): Promise<void> {
    await this.follow(object, (answer) => answer.next.kind === 'run' && answer.next.step === step);
  }

  private async follow(object: ObjectReference, isThere: (answer: Answer) => boolean): Promise<LifecycleStep[]> {
    const ran: LifecycleStep[] = [];
    const deadline = Date.now() + 30_000;
    let answer = await this.look(object);
    while (!isThere(answer)) {
      if (Date.now() > deadline) throw new Error(`${object.id} does not come there; it is ${JSON.stringify(answer)}`);
      if (answer.next.kind === 'run') {
        ran.push(answer.next.step);
        answer = await this.run(answer.next.step, object);
      } else if (answer.next.kind === 'wait') {
        await this.untilChanged(object, answer.next.untilMs);
        answer = await this.look(object);
      } else throw new Error(`${object.id} has ended: ${JSON.stringify(answer)}`);
    }
    return ran;
  }

  private async untilChanged({ kind, id }: ObjectReference, untilMs: number | undefined): Promise<void> {
    const collection = kind === 'Instance' ? 'instances' : 'workers';
    const before = this.live.cache.revision;
    const waitMs = Math.max(1, Math.min(500, (untilMs ?? Infinity) - Date.now()));
    await this.live.cache.waitForObject({ collection, id }, () => (this.live.cache.revision > before ? true : undefined), waitMs);
  }

  private lifecycleOf(object: ObjectReference): InstanceLifecycle | WorkerLifecycle {
    return object.kind === 'Instance' ? this.instances : this.workers;
  }

  /** Gives an object's spec a new generation that asks for nothing to be done. */
  async plantGeneration({ kind, id }: ObjectReference): Promise<void> {
    const { fresh, committer } = this.live;
    const decision =
      kind === 'Instance'
        ? await fresh.instance(id).then((entries) => instanceSpecDecision(entries, { ...entries.spec.value, ...raised(entries) }, 'test'))
        : await fresh.worker(id).then((entries) => workerSpecDecision(entries, { ...entries.spec.value, ...raised(entries) }, 'test'));
    await committer.commit(decision);
  }

  /** Everything that a worker still holds of instances: keys in etcd, sums in the ledger, directories on the host. */
  async leftovers(workerId: string): Promise<string[]> {
    const { entries } = await this.live.client.list('');
    const left = entries.map(({ key }) => key).filter((key) => /^instances\/.*\/(worker|observed)$/.test(key) || key.startsWith(`workers/${workerId}/plan/`));
    const worker = this.live.cached.worker(workerId);
    const capacity = worker?.capacity?.value;
    if (capacity && (capacity.instances !== 0 || capacity.allocated.memoryMib !== 0)) left.push(`capacity ${JSON.stringify(capacity.allocated)}`);
    const bitmap = worker?.ports?.value.bitmap;
    if (bitmap && Buffer.from(bitmap, 'base64').some((byte) => byte !== 0)) left.push('ports that are held');
    return [...left, ...this.hostDirectories()];
  }

  /** Hosts that the provider has made and not taken away. */
  hosts(): string[] {
    const workers = join(this.directory, 'workers');
    return existsSync(workers) ? readdirSync(workers) : [];
  }

  /** Directories of instances on any host. */
  hostDirectories(): string[] {
    return this.hosts().flatMap((host) => {
      const instances = join(this.directory, 'workers', host, 'agent', 'instances');
      return existsSync(instances) ? readdirSync(instances).map((id) => `directory of ${id}`) : [];
    });
  }
}
