import { credentialsFor } from '../../support/credentials';
import { BerthClient } from '../../../src/client/berth-client';
import type { CloudEvent } from '../../../src/domain/events';
import { pause } from '../../../src/pause';

export interface RandomReaderOptions {
  readonly name: string;
  readonly url: string;
  readonly by: 'stream' | 'poll';
  readonly from: { readonly revision: string };
  readonly random: () => number;
}

/** As long as one life of a reader lasts at most. */
const lifeMsMax = 3_000;

/**
 * Somebody who follows the stream of changes and is killed at random: each life begins with a new client and nothing
 * but the id of the last event that the former one dealt with.
 */
export class RandomReader {
  /** Ids as they were heard, duplicates included. */
  readonly heard: string[] = [];
  /** `subject/sequence` of each, in the same order. */
  readonly places: string[] = [];
  lives = 0;
  private readonly ended = new AbortController();
  private readonly reading: Promise<void>;

  constructor(readonly options: RandomReaderOptions) {
    this.reading = this.live();
  }

  get last(): string {
    return this.heard[this.heard.length - 1] ?? '';
  }

  async end(): Promise<void> {
    this.ended.abort();
    await this.reading;
  }

  private async live(): Promise<void> {
    const { url, by, from, random } = this.options;
    while (!this.ended.signal.aborted) {
      this.lives += 1;
      const life = new AbortController();
      const signal = AbortSignal.any([life.signal, this.ended.signal]);
      const death = pause(random() * lifeMsMax, this.ended.signal).then(() => life.abort());
      const events = new BerthClient({ url, headers: credentialsFor(url) }).events({}, { from: this.last === '' ? from : { cursor: this.last }, by, signal });
      for await (const event of events) {
        // A life that has ended deals with nothing more, whatever it had received.
        if (signal.aborted) break;
        this.hear(event);
      }
      await death;
    }
  }

  private hear({ id, subject, sequence }: CloudEvent): void {
    this.heard.push(id);
    this.places.push(`${subject}/${sequence}`);
  }
}
