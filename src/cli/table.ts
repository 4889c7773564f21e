/** Longer cells are cut, so that one message does not make every line as long as itself. */
const cellCharactersMax = 100;

/** Rows as columns that are as wide as their widest cell; by the heading of each, what it shows of a row. */
export function table<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => string | number | undefined>>): string {
  const headings = Object.keys(columns);
  const lines = [headings, ...rows.map((row) => Object.values(columns).map((cell) => shown(cell(row))))];
  const widths = headings.map((_, index) => Math.max(...lines.map((line) => line[index]!.length)));
  return lines.map((line) => line.map((cell, index) => cell.padEnd(widths[index]!)).join('  ').trimEnd()).join('\n');
}

function shown(cell: string | number | undefined): string {
  const text = cell === undefined ? '-' : String(cell).replaceAll(/\s+/g, ' ');
  return text.length > cellCharactersMax ? `${text.slice(0, cellCharactersMax - 1)}…` : text;
}

/** `1.5 MiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** `3.2 s`. */
export function milliseconds(count: number): string {
  return count < 1000 ? `${count} ms` : `${(count / 1000).toFixed(1)} s`;
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
