/** The matrix as people read it: a line a step, a column a fault. */
export function matrixTable(rows: readonly string[], faults: readonly string[], outcome: (row: string, fault: string) => string): string {
  const width = Math.max(...rows.map((row) => row.length));
  const head = `${''.padEnd(width)}  ${faults.join('  ')}`;
  const lines = rows.map((row) => {
    const cells = faults.map((fault) => outcome(row, fault).padEnd(fault.length));
    return `${row.padEnd(width)}  ${cells.join('  ')}`;
  });
  return [head, ...lines].join('\n');
}
