import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRunDirectory } from '../src/processes/embedded/run-directory';
import type { Stack } from '../src/processes/stack';
import { startStack } from '../src/processes/stack';
import { rememberToken } from '../test/support/credentials';
import { Client } from '../test/support/client';
import { withoutLimits } from '../test/support/without-limits';
import type { Figure } from './figures';
import { median, quantile } from './figures';
import { LoadClient } from './load';
import type { Load } from './load-client';
import { buildWithoutFrontDoor, takenFor } from './without-front-door';

/** `BERTH_BENCH_ROUNDS` shortens it. */
const rounds = Number(process.env['BERTH_BENCH_ROUNDS'] ?? 40);
const instancesListed = 100;
/** Of each server before anything counts: what is compiled only when it is hot is then compiled. */
const warmUpRequests = 3_000;

/** What is compared: so many requests a round and server, by so many connections. */
const acts = {
  'GET of one instance': { requests: 200, connections: 1 },
  'GET of a list of 20': { requests: 50, connections: 1 },
  'POST of an instance': { requests: 25, connections: 1 },
} as const;
type Act = keyof typeof acts;

const inRate = { requests: 3_000, connections: 16 };

/** All servers have the same stores. `again` is a second server of the very program: what it differs by is noise. */
type ServerName = 'with' | 'without' | 'again';
type Servers = Readonly<Record<ServerName, Pick<Load, 'url' | 'headers'>>>;

/** Somebody of an org with a quota, and one instance of that org. */
interface Tenant {
  readonly caller: Parameters<typeof takenFor>[0];
  readonly token: string;
  readonly project: string;
  readonly instance: { readonly id: string };
}

/**
 * What the front door costs: the program against the same program without it, request by request and in turns; and how
 * many reads a second it lets through against a bare route of NestJS. No control process runs: nothing is placed or
 * started, and what is measured is the way from a request to its answer.
 */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const build = buildWithoutFrontDoor(join(directory.path, 'without-front-door'));
  const stack = await startStack({ directory: directory.path, report, artifactsDirectory: directory.path, environment: withoutLimits, processes: { api: 3, control: 0 } });
  const client = new LoadClient();
  const bare = new BareRoute();
  try {
    const tenant = await makeTenant(stack);
    await stack.children.api[1]!.stop();
    await stack.startApi(1, { entriesDirectory: build.entriesDirectory, environment: takenFor(tenant.caller) });
    const bareUrl = await bare.start(tenant.instance);
    const bench = new FrontDoorBench(serversOf(stack, tenant), tenant, client, report);
    await bench.warmUp(bareUrl);
    return [...(await bench.latencies()), ...(await bench.rates(bareUrl))];
  } finally {
    bare.stop();
    client.stop();
    await stack.stop();
    build.remove();
    directory.remove();
  }
}

function serversOf({ apis }: Stack, { token }: Tenant): Servers {
  const headers = { authorization: `Bearer ${token}` };
  const [first, second, third] = apis as [string, string, string];
  return { with: { url: first, headers }, without: { url: second, headers: {} }, again: { url: third, headers } };
}

/** An org and a project with limits for everything that a quota bounds, so that each is looked at; far above what comes. */
async function makeTenant(stack: Stack): Promise<Tenant> {
  const [url] = stack.apis as [string];
  rememberToken(url, stack.token);
  const client = new Client(url);
  const quota = { instances: 100_000, cpu: '100000', memory: '100000Gi', storage: '100000Gi', ports: 100_000 };
  const org = await client.must<{ id: string }>('POST', '/orgs', { name: 'bench', quota: { ...quota, definitions: 1_000 } });
  const project = await client.must<{ id: string }>('POST', '/projects', { name: 'bench', org: org.id, quota });
  const principal = await client.must<{ id: string }>('POST', '/principals', { name: 'bench', type: 'service', roles: ['developer'], org: org.id });
  const { id: credential, secret: token } = await client.must<{ id: string; secret: string }>('POST', '/tokens', { principal: principal.id });
  const headers = { authorization: `Bearer ${token}` };
  const component = { name: 'main', runtime: 'noop', resources: { cpu: '1m', memory: '1Mi', storage: '1Mi' }, ports: [{ name: 'http' }] };
  await client.must('POST', '/definitions', { name: 'bench', version: '1.0.0', components: [component] }, headers);
  const create = () => client.must<{ id: string }>('POST', '/instances', instanceOf(project.id), headers);
  for (let made = 1; made < instancesListed; made++) await create();
  const caller = { id: principal.id, type: 'service', name: 'bench', org: org.id, scopes: ['instances:read', 'instances:write'], credential } as const;
  return { caller, token, project: project.id, instance: await create() };
}

function instanceOf(project: string): object {
  return { definition: { name: 'bench', version: '1.0.0' }, project };
}

class FrontDoorBench {
  constructor(
    private readonly servers: Servers,
    private readonly tenant: Tenant,
    private readonly client: LoadClient,
    private readonly report: (line: string) => void,
  ) {}

  async warmUp(bareUrl: string): Promise<void> {
    this.report('warming up');
    for (const name of namesOf(this.servers)) {
      await this.client.send({ ...this.load('GET of one instance', name), requests: warmUpRequests });
      await this.client.send({ ...this.load('GET of a list of 20', name), requests: warmUpRequests / 10 });
      await this.client.send({ ...this.load('POST of an instance', name), requests: warmUpRequests / 20, connections: 4 });
    }
    await this.client.send({ ...this.bare(bareUrl), requests: warmUpRequests });
  }

  /** Medians of each round, of each server in turns that change, so that whatever else the machine does falls on all. */
  async latencies(): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const act of Object.keys(acts) as Act[]) {
      this.report(`${act}, ${rounds} rounds`);
      const medians: Record<ServerName, number[]> = { with: [], without: [], again: [] };
      for (let round = 0; round < rounds; round++) {
        for (const name of inTurns(namesOf(this.servers), round)) {
          const { latenciesMs } = await this.client.send(this.load(act, name));
          medians[name].push(median(latenciesMs));
        }
      }
      figures.push(...figuresOf(act, medians));
    }
    return figures;
  }

  async rates(bareUrl: string): Promise<Figure[]> {
    this.report(`GET by ${inRate.connections} connections, ${rounds} rounds`);
    const measured: Record<'with' | 'bare', number[]> = { with: [], bare: [] };
    const loads = { with: { ...this.load('GET of one instance', 'with'), ...inRate }, bare: this.bare(bareUrl) };
    for (let round = 0; round < rounds; round++) {
      for (const name of inTurns(['with', 'bare'] as const, round)) measured[name].push((await this.client.send(loads[name])).ratePerSecond);
    }
    return [
      { name: `GET of one instance, ${inRate.connections} connections`, value: median(measured.with), unit: '/s' },
      { name: `a bare route of NestJS, ${inRate.connections} connections`, value: median(measured.bare), unit: '/s', note: 'the same JSON, a constant' },
      { name: 'GET of one instance / bare route', ...ratioOf(measured.with, measured.bare), unit: '×', asked: '>= 0.6' },
    ];
  }

  private load(act: Act, server: ServerName): Load {
    const to = this.servers[server];
    switch (act) {
      case 'GET of one instance':
        return { ...to, ...acts[act], method: 'GET', path: `/api/v1/instances/${this.tenant.instance.id}`, status: 200 };
      case 'GET of a list of 20':
        return { ...to, ...acts[act], method: 'GET', path: '/api/v1/instances?limit=20', status: 200 };
      case 'POST of an instance': {
        // Whoever is not asked who he is says whose it shall be, as the other would be told.
        const body = JSON.stringify({ ...instanceOf(this.tenant.project), org: this.tenant.caller.org });
        return { ...to, ...acts[act], method: 'POST', path: '/api/v1/instances', headers: { ...to.headers, 'content-type': 'application/json' }, body, status: 201 };
      }
    }
  }

  private bare(url: string): Load {
    return { url, method: 'GET', path: `/bare/${this.tenant.instance.id}`, headers: {}, status: 200, ...inRate };
  }
}

/** A bare route of NestJS, in a process of its own. */
class BareRoute {
  private child: ReturnType<typeof spawn> | undefined;

  /** Resolves with its address. */
  async start(body: object): Promise<string> {
    this.child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'bare-route.ts'), JSON.stringify(body)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [address] = (await once(createInterface({ input: this.child.stdout! }), 'line')) as [string];
    return address;
  }


  stop(): void {
    this.child?.kill();
  }
}

function namesOf(servers: Servers): ServerName[] {
  return Object.keys(servers) as ServerName[];
}

/** Each time another one first. */
function inTurns<Name>(names: readonly Name[], round: number): Name[] {
  const first = round % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

function figuresOf(act: Act, medians: Readonly<Record<ServerName, readonly number[]>>): Figure[] {
  return [
    { name: `${act}, p50`, value: median(medians.with), unit: 'ms' },
    { name: `${act}, p50, without front door`, value: median(medians.without), unit: 'ms' },
    { name: `${act}, with / without`, ...ratioOf(medians.with, medians.without), unit: '×', asked: '<= 1.15' },
    { name: `${act}, with / with again`, ...ratioOf(medians.with, medians.again), unit: '×' },
  ];
}

/** Of both in the same round; the median of all rounds. */
function ratioOf(one: readonly number[], other: readonly number[]): Pick<Figure, 'value' | 'note'> {
  const ratios = one.map((value, round) => value / other[round]!);
  return { value: median(ratios), note: `middle half of the rounds ${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}` };
}
