import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ISnapshotResponse } from 'etcd3';
import type { EtcdClient } from './client';

/** What etcd sent of itself is not what it meant to send: the hash at its end is another one. */
export class SnapshotDamagedError extends Error {
  constructor() {
    super('the snapshot of etcd does not have the hash that etcd gave it; take it again');
    this.name = 'SnapshotDamagedError';
  }
}

const hashBytes = 32;

/** Writes everything that one member of etcd holds, at one revision, to a new file. The hash that etcd appends stays at its end. */
export async function saveSnapshot(client: EtcdClient, file: string): Promise<void> {
  const stream = (await client.raw.maintenance.snapshot()) as unknown as Readable;
  await pipeline(stream, checkedBlobs, createWriteStream(file, { flags: 'wx', flush: true }));
}

async function* checkedBlobs(responses: AsyncIterable<ISnapshotResponse>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let tail = Buffer.alloc(0);
  for await (const { blob } of responses) {
    yield blob;
    const known = Buffer.concat([tail, blob]);
    hash.update(known.subarray(0, -hashBytes));
    tail = known.subarray(-hashBytes);
  }
  if (!hash.digest().equals(tail)) throw new SnapshotDamagedError();
}
