import type { ProblemBody } from '../api/support/client';
import { Client } from '../api/support/client';
import { definitions, instances, webDocument } from '../api/support/objects';
import { EtcdClient } from '../../src/stores/etcd/client';
import { seedPrincipal } from './administrator';
import type { Crowd } from './crowd';
import { heldBy } from './crowd';
import { eventually } from './etcd';
import { testServers } from './servers';
import type { TestStack } from './test-stack';
import { startTestStack } from './test-stack';

/** An api process that a crowd comes to, and somebody else who wants to be served all the same. */
export class CrowdedApi {
  readonly url: string;
  private readonly other: Client;

  private constructor(
    readonly stack: TestStack,
    private readonly etcd: EtcdClient,
  ) {
    [this.url = ''] = stack.apis;
    this.other = new Client(this.url);
  }

  static async start(environment: NodeJS.ProcessEnv): Promise<CrowdedApi> {
    const stack = await startTestStack({ control: 0 }, { BERTH_LOG_LEVEL: 'warn', ...environment });
    const crowded = new CrowdedApi(stack, new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix }));
    expect(await crowded.other.post(definitions, webDocument())).toMatchObject({ status: 201 });
    return crowded;
  }

  /** What the process holds at present. */
  get held() {
    return heldBy(this.stack.children.api[0]!.pid);
  }

  /** The beginning of a request of somebody new. */
  async request(line: string, ...headers: readonly string[]): Promise<string> {
    const token = await seedPrincipal(this.etcd, { roles: ['developer'] });
    return [line, `Host: ${new URL(this.url).host}`, `Authorization: Bearer ${token}`, ...headers, '', ''].join('\r\n');
  }

  /** Somebody else makes something and reads, as if nobody were there beside him. */
  async servesOthers(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      expect(await this.other.post<ProblemBody>(instances, { definition: { name: 'web', version: '1.0.0' } })).toMatchObject({ status: 201 });
      expect(await this.other.get(`${instances}?limit=10`)).toMatchObject({ status: 200 });
    }
  }

  /** When the crowd has gone, so has all that was held for it. */
  async isLeftBy(crowd: Crowd, before: { readonly descriptors: number }): Promise<void> {
    await crowd.leave();
    await eventually('nothing is held for the crowd any more', () => this.held.descriptors < before.descriptors + 50);
  }

  async end(): Promise<void> {
    this.etcd.close();
    await this.stack.end();
  }
}
