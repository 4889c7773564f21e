import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceReply } from '../../support/client';
import { chance } from '../../support/chance';
import type { DefinitionReference } from './lane';
import type { SteadyClient } from './steady-client';

export interface LoadOptions {
  readonly api: SteadyClient;
  /** Chosen from by chance; one that is there twice is chosen twice as often. */
  readonly definitions: readonly DefinitionReference[];
  readonly seed: number;
  /** How many users there are; each does one thing after the other. */
  readonly users: number;
}

const pauseMsMax = 1_000;
const actsMax = 4;
/** The rest stays as it is until the load ends, so that something of every kind is there when a fault comes. */
const terminatedRatio = 0.7;
const verbs = ['stop', 'start', 'stop', 'start', 'retry'] as const;

/** Users who create instances and act on them, by chance, and repeat themselves until they are answered. */
export class Load {
  private readonly ids: string[] = [];
  private isOver = false;
  private readonly users: Promise<unknown>;

  constructor(private readonly options: LoadOptions) {
    this.users = Promise.all(Array.from({ length: options.users }, (_, user) => this.use(chance(options.seed + user))));
    // Who ends the load hears of it; until then it must not end the process.
    this.users.catch(() => undefined);
  }

  /** How many instances were acknowledged. */
  get created(): number {
    return this.ids.length;
  }

  /** Lets everybody finish, then terminates everything, and waits until it is so. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.users;
    await Promise.all(this.ids.map((id) => this.options.api.must('DELETE', `/instances/${id}`)));
    await Promise.all(this.ids.map((id) => this.options.api.reaches('instances', id, 'TERMINATED', 120_000)));
  }

  private async use(random: () => number): Promise<void> {
    const { api, definitions } = this.options;
    const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)]!;
    while (!this.isOver) {
      const { id } = await api.must<InstanceReply>('POST', '/instances', { definition: pick(definitions) });
      this.ids.push(id);
      const acts = Math.floor(random() * actsMax);
      for (let act = 0; act < acts && !this.isOver; act++) {
        await sleep(random() * pauseMsMax);
        // It may be refused, where the instance is not in a phase for it; what matters is that there is an answer.
        await api.call('POST', `/instances/${id}/${pick(verbs)}`);
      }
      await sleep(random() * pauseMsMax);
      if (random() < terminatedRatio) await api.call('DELETE', `/instances/${id}`);
    }
  }
}
