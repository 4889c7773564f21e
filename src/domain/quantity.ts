const bytesPerMebibyte = 1024n * 1024n;

const bytesPerUnit: Readonly<Record<string, bigint>> = {
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
};

/** How amounts are written: of CPU in cores or millicores, of memory and storage with their unit. */
export const cpuPattern = /^(?:(\d{1,9})m|(\d{1,9})(?:\.(\d{1,3}))?)$/;
export const bytesPattern = /^(\d{1,9})(?:\.(\d{1,3}))?([KMGT]i|[kMGT])$/;

/**
 * Reads an amount of CPU: cores (`2`, `0.25`) or millicores (`250m`). Undefined when it is anything else,
 * or finer than a millicore. Works on the digits, for 0.29 * 1000 is not 290 in floating point.
 */
export function parseCpuMillicores(text: string): number | undefined {
  const [matched, millicores, cores, decimals = ''] = cpuPattern.exec(text) ?? [];
  if (matched === undefined) return undefined;
  return Number(millicores ?? `${cores}${decimals.padEnd(3, '0')}`);
}

/**
 * Reads an amount of memory or storage in mebibytes (`64Mi`, `1.5Gi`, `500M`), rounded up, so that nobody gets less
 * than was asked for. Undefined when it is anything else; a bare number is, for its unit would be a guess.
 */
export function parseMebibytes(text: string): number | undefined {
  const parts = bytesPattern.exec(text);
  if (parts === null) return undefined;
  const thousandths = BigInt(parts[1] + (parts[2] ?? '').padEnd(3, '0'));
  const thousandthBytes = thousandths * bytesPerUnit[parts[3]!]!;
  const divisor = 1000n * bytesPerMebibyte;
  return Number((thousandthBytes + divisor - 1n) / divisor);
}
