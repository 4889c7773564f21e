import { createHash, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Epochs } from '../../src/domain/epochs';
import { firstEpochs, nextEpochs } from '../../src/domain/epochs';
import { canonicalJson } from '../../src/domain/canonical-json';
import type { ObservationsRequest, PlanFrame, PlannedEntry, RegisterRequest, Wanted } from '../../src/domain/plan';
import type { Workload } from '../../src/domain/workload';

type ReceivedObservation = ObservationsRequest['observations'][number];

/** The part of the control plane that agents speak to, in memory, for one worker. */
export class FakeControlPlane {
  readonly workerId = `worker-${randomUUID()}`;
  readonly token = randomUUID();
  readonly registrations: RegisterRequest[] = [];
  readonly observations: ReceivedObservation[] = [];
  readonly hostPorts: Array<readonly number[]> = [];
  readonly requests: string[] = [];
  heartbeats = 0;
  heartbeatIntervalMs = 1_000;
  /** Answers 503 to everything while true. */
  isFailing = false;
  /** Allocations that are no longer this worker's. */
  readonly superseded = new Set<string>();
  private leaseId = '';
  private revision = 100;
  /** Undefined: as a control plane of before there were epochs. */
  private epochs: Epochs | undefined;
  private plan = new Map<string, PlannedEntry>();
  readonly workloads = new Map<string, Workload>();
  private readonly streams = new Set<http.ServerResponse>();
  private readonly events = new EventEmitter().setMaxListeners(0);
  private server: http.Server | undefined;
  private port = 0;

  static async start(): Promise<FakeControlPlane> {
    const fake = new FakeControlPlane();
    await fake.listen();
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Listens, at the same port as before if it did before. What it knows is kept. */
  async listen(): Promise<void> {
    this.server = http.createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((resolve, reject) => this.server!.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Goes away as a killed process does. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    server?.closeAllConnections();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  /** To another port. */
  async move(): Promise<void> {
    await this.close();
    this.port = 0;
    await this.listen();
  }

  addWorkload(workload: Workload): string {
    const hash = createHash('sha256').update(canonicalJson(workload)).digest('hex');
    this.workloads.set(hash, workload);
    return hash;
  }

  /** Puts an entry into the plan and tells the agent. */
  put(allocationId: string, workload: Workload, attempt: number, wanted: Wanted): PlannedEntry {
    const workloadHash = this.addWorkload(workload);
    const { instanceId } = workload;
    const entry = { schemaVersion: 1, allocationId, instanceId, attempt, wanted, workloadHash, revision: this.nextRevision() };
    this.plan.set(allocationId, entry);
    this.send({ event: 'entry', data: { ...entry, ...this.told } });
    return entry;
  }

  /** Sets the plan back to what it is now, in a new epoch, when it is called. */
  copy(): () => void {
    const [plan, lastGoodRevision, epochs] = [new Map(this.plan), String(this.revision), this.epochs ?? firstEpochs];
    return () => {
      this.plan = plan;
      this.revision += 1_000_000;
      this.epochs = nextEpochs(epochs, { lastGoodRevision, firstRevision: String(this.revision), highestEpochSeen: 0 });
    };
  }

  remove(allocationId: string): void {
    this.plan.delete(allocationId);
    this.send({ event: 'removed', data: { allocationId, ...this.told, revision: this.nextRevision() } });
  }

  /** Removes an entry without telling: the next snapshot does. */
  removeSilently(allocationId: string): void {
    this.plan.delete(allocationId);
    this.nextRevision();
  }

  send(frame: PlanFrame): void {
    for (const stream of this.streams) writeFrame(stream, frame);
  }

  sendText(text: string): void {
    for (const stream of this.streams) stream.write(text);
  }

  snapshot(): PlanFrame {
    return { event: 'snapshot', data: { ...this.told, ...(this.epochs && { epochs: this.epochs }), revision: String(this.revision), entries: [...this.plan.values()].map((entry) => ({ ...entry, ...this.told })) } };
  }

  cutStreams(): void {
    for (const stream of this.streams) stream.destroy();
  }

  loseLease(): void {
    this.leaseId = '';
  }

  /** The first recorded observation, now or later, of an allocation in a state (and attempt). */
  async observed(allocationId: string, state: ReceivedObservation['state'], attempt?: number): Promise<ReceivedObservation> {
    const find = (): ReceivedObservation | undefined =>
      this.observations.find((each) => each.allocationId === allocationId && each.state === state && (attempt ?? each.attempt) === each.attempt);
    await this.until(() => find() !== undefined, `${allocationId} ${state}`);
    return find()!;
  }

  /** Resolves once a condition on what was received holds. */
  async until(holds: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!holds()) {
      const remainingMs = deadline - Date.now();
      if (remainingMs <= 0) throw new Error(`not within ${timeoutMs} ms: ${what}; observed: ${JSON.stringify(this.observations, undefined, 1)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(remainingMs, 1_000));
        this.events.once('received', () => (clearTimeout(timer), resolve()));
      });
    }
  }

  private get told(): { epoch?: number } {
    return this.epochs ? { epoch: this.epochs.epoch } : {};
  }

  private nextRevision(): string {
    this.revision += 1;
    return String(this.revision);
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    this.route(`${request.method} ${request.url}`, request.headers.authorization, text === '' ? undefined : JSON.parse(text), response);
    setImmediate(() => this.events.emit('received'));
  }

  private route(route: string, authorization: string | undefined, body: unknown, response: http.ServerResponse): void {
    this.requests.push(route);
    const worker = `/api/internal/v1/workers/${this.workerId}`;
    const workload = /^GET \/api\/internal\/v1\/workloads\/([0-9a-f]{64})$/.exec(route)?.[1];
    if (this.isFailing) return problem(response, 503, 'unavailable');
    if (authorization !== `Bearer ${this.token}`) return problem(response, 401, 'unauthenticated');
    if (route === `POST ${worker}/register`) return this.register(body as RegisterRequest, response);
    if (route === `POST ${worker}/heartbeat`) return this.heartbeat(body as { leaseId: string }, response);
    if (route === `POST ${worker}/observations`) return this.observe(body as ObservationsRequest, response);
    if (route === `GET ${worker}/plan`) return this.stream(response);
    if (workload && this.workloads.has(workload)) return json(response, 200, this.workloads.get(workload));
    problem(response, 404, 'not_found');
  }

  private register(body: RegisterRequest, response: http.ServerResponse): void {
    this.registrations.push(body);
    this.leaseId = randomUUID();
    const { leaseId, heartbeatIntervalMs } = this;
    json(response, 200, { leaseId, leaseTtlMs: 3 * heartbeatIntervalMs, heartbeatIntervalMs, portRange: { from: 2000, to: 9999 } });
  }

  private heartbeat({ leaseId }: { leaseId: string }, response: http.ServerResponse): void {
    if (leaseId !== this.leaseId) return problem(response, 404, 'lease_lost');
    this.heartbeats += 1;
    response.writeHead(204).end();
  }

  private observe({ observations, hostPorts }: ObservationsRequest, response: http.ServerResponse): void {
    this.observations.push(...observations);
    if (hostPorts) this.hostPorts.push(hostPorts);
    const results = observations.map(({ allocationId }) => ({
      allocationId,
      result: this.superseded.has(allocationId) ? 'superseded' : 'recorded',
    }));
    json(response, 200, { results });
  }

  private stream(response: http.ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.streams.add(response);
    response.once('close', () => {
      this.streams.delete(response);
      this.events.emit('received');
    });
    writeFrame(response, this.snapshot());
  }
}

function writeFrame(stream: http.ServerResponse, { event, data }: PlanFrame): void {
  stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function json(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function problem(response: http.ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code, retryable: false }));
}
