const unitsMs = { d: 24 * 60 * 60 * 1000, h: 60 * 60 * 1000, m: 60 * 1000, s: 1000, ms: 1 } as const;

/** How a duration is written. */
export const durationPattern = /^(?=.)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

/** Reads `500ms`, `10s`, `4h` or `1h30m`: whole numbers, larger units first. Undefined when it is anything else. */
export function parseDurationMs(text: string): number | undefined {
  const amounts = durationPattern.exec(text);
  if (amounts === null) return undefined;
  const totalMs = Object.values(unitsMs).reduce(
    (sum, unitMs, index) => sum + Number(amounts[index + 1] ?? 0) * unitMs,
    0,
  );
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** Writes a duration in the form that `parseDurationMs` reads. */
export function formatDurationMs(durationMs: number): string {
  let restMs = durationMs;
  let text = '';
  for (const [unit, unitMs] of Object.entries(unitsMs)) {
    const amount = Math.floor(restMs / unitMs);
    if (amount > 0) text += `${amount}${unit}`;
    restMs -= amount * unitMs;
  }
  return text === '' ? '0s' : text;
}
