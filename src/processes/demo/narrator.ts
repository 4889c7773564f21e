/** Tells a person what happens, in the order that it happens. */
export class Narrator {
  private readonly startedAtMs = Date.now();
  private chapterNumber = 0;

  constructor(private readonly write: (text: string) => void) {}

  chapter(title: string): void {
    this.chapterNumber += 1;
    this.write(`\n${this.chapterNumber}. ${title}\n`);
  }

  /** A line with the time since the demo began. */
  say(text: string): void {
    const seconds = ((Date.now() - this.startedAtMs) / 1000).toFixed(1).padStart(6);
    this.write(`${seconds} s  ${text}\n`);
  }

  /** Lines that belong to the one before. */
  detail(...lines: readonly string[]): void {
    for (const line of lines) this.write(`            ${line}\n`);
  }

  elapsedSeconds(): number {
    return (Date.now() - this.startedAtMs) / 1000;
  }
}
