/** Runs tasks side by side, so many at once. */
export class Pool {
  constructor(private readonly size: number) {}

  async run<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
    const waiting = [...items];
    const lane = async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await task(item);
    };
    await Promise.all(Array.from({ length: this.size }, lane));
  }
}

/** Lets one task after the other through. */
export class Exclusion {
  private last: Promise<unknown> = Promise.resolve();

  alone<T>(task: () => Promise<T>): Promise<T> {
    const next = this.last.then(task);
    this.last = next.catch(() => undefined);
    return next;
  }
}
