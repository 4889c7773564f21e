/** One measured value. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What was asked, as a bound of the value: `<= 1.3`. */
  readonly asked?: string;
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that so large a share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** Milliseconds that an act took. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

/** Acts a second, with so many in flight at any time. */
export async function rate(count: number, inFlight: number, act: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const lane = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (count * 1000) / (performance.now() - startedAt);
}

/** One line a figure, for programs. */
export function printJson(figures: readonly Figure[], write: (text: string) => void): void {
  for (const figure of figures) write(`${JSON.stringify(figure)}\n`);
}

/** A table for people. */
export function printTable(title: string, figures: readonly Figure[], write: (text: string) => void): void {
  const width = Math.max(...figures.map(({ name }) => name.length));
  write(`\n${title}\n`);
  for (const { name, value, unit, asked, note } of figures) {
    const shown = value >= 100 ? value.toFixed(0) : value.toFixed(2);
    const verdict = asked === undefined ? '' : `  asked ${asked}: ${meets(value, asked) ? 'reached' : 'NOT REACHED'}`;
    write(`  ${name.padEnd(width)}  ${shown.padStart(9)} ${unit.padEnd(8)}${verdict}${note ? `  (${note})` : ''}\n`);
  }
}

function meets(value: number, asked: string): boolean {
  const [relation, bound] = asked.split(' ');
  return relation === '<=' ? value <= Number(bound) : value >= Number(bound);
}
