import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { copyFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { componentLogBytesMax, outputTailCharactersMax } from '../../domain/limits';
import { wellFormed } from '../../domain/utf8';
import { errorCode } from './error-code';

/**
 * The output of a component. The component writes into the file itself, not through a pipe of the agent,
 * so that it goes on when the agent is replaced.
 */
export class ComponentLog {
  constructor(private readonly file: string) {}

  /** Begins a new log, keeping the former one beside it, and returns a descriptor to append to. The caller closes it. */
  begin(): number {
    mkdirSync(path.dirname(this.file), { recursive: true });
    try {
      renameSync(this.file, this.previous);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    return openSync(this.file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o644);
  }

  /** Keeps a log that has grown too long within its bound. What is written meanwhile may be lost. */
  async bound(): Promise<void> {
    const { size } = await stat(this.file);
    if (size <= componentLogBytesMax) return;
    await copyFile(this.file, this.previous);
    await truncate(this.file, 0);
  }

  /** The last lines, at most `outputTailCharactersMax` long; empty if there is nothing to read. */
  tail(): string {
    const bytesMax = 4 * outputTailCharactersMax;
    try {
      const descriptor = openSync(this.file, 'r');
      try {
        const buffer = Buffer.alloc(bytesMax);
        const from = Math.max(0, fstatSync(descriptor).size - bytesMax);
        const bytes = readSync(descriptor, buffer, 0, bytesMax, from);
        return wellFormed(buffer.toString('utf8', 0, bytes).trimEnd().slice(-outputTailCharactersMax));
      } finally {
        closeSync(descriptor);
      }
    } catch {
      return '';
    }
  }

  private get previous(): string {
    return this.file.replace(/\.log$/, '.previous.log');
  }
}
