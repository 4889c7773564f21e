import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Failpoint } from '../../../src/failpoints';
import { eventually } from '../../support/etcd';

/** What a failpoint left when it struck: where, and in which process. */
export interface Struck {
  readonly subject: string;
  readonly pid: number;
}

/** One failpoint that was armed. */
export class ArmedFailpoint {
  constructor(
    readonly failpoint: Failpoint,
    private readonly path: string,
  ) {}

  /** Undefined as long as nothing came by. */
  get struck(): Struck | undefined {
    try {
      const { subject, pid } = JSON.parse(readFileSync(`${this.path}.struck`, 'utf8')) as Partial<Struck>;
      // Between the claim and its note the file still says what was armed.
      return pid === undefined ? undefined : { subject: subject ?? '', pid };
    } catch {
      return undefined;
    }
  }

  /** Waits until it strikes: a fault that never happened proves nothing. */
  async strikes(timeoutMs = 120_000): Promise<Struck> {
    const { point, subject, action } = this.failpoint;
    await eventually(`${action} ${point} at ${subject}`, () => this.struck !== undefined, timeoutMs);
    return this.struck!;
  }

  /** Lets go what it holds; one that has not struck yet never will. */
  release(): void {
    for (const suffix of ['json', 'struck']) rmSync(`${this.path}.${suffix}`, { force: true });
  }
}

/** The failpoints of one stack: all its processes look into one directory. */
export class Failpoints {
  private count = 0;

  constructor(readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  arm(failpoint: Omit<Failpoint, 'occurrence'> & { readonly occurrence?: number }): ArmedFailpoint {
    this.count += 1;
    const armed = { occurrence: 1, ...failpoint };
    const path = join(this.directory, String(this.count));
    // Appears whole or not at all: processes look into the directory all the time.
    writeFileSync(`${path}.new`, JSON.stringify(armed));
    renameSync(`${path}.new`, `${path}.json`);
    return new ArmedFailpoint(armed, path);
  }
}
