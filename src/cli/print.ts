/** Prints to standard output, with a new line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
