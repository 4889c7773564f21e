/** etcd was not asked, because it has not been answering: nothing has happened. */
export class EtcdUnavailableError extends Error {
  constructor(cause: unknown) {
    super(`etcd cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'EtcdUnavailableError';
  }
}

/** A transaction was sent and nobody can say yet whether it happened; the same decision may be sent again. */
export class CommitUncertainError extends Error {
  constructor(readonly commitId: string, cause: unknown) {
    super(`etcd did not answer whether commit ${commitId} happened; repeat it, it is applied at most once`, { cause });
    this.name = 'CommitUncertainError';
  }
}

/** The store is not in the epoch that this process began in: what it decides on may be lost history. Nothing was written. */
export class EpochEndedError extends Error {
  constructor(epoch: number) {
    super(`etcd is no longer in epoch ${epoch}, which this process began in: it was restored or replaced; nothing was written`);
    this.name = 'EpochEndedError';
  }
}

/** A decision is larger than a commit may be. A fault of the code that made it, not of the store. */
export class CommitTooLargeError extends Error {
  constructor(detail: string) {
    super(`a commit is too large: ${detail}`);
    this.name = 'CommitTooLargeError';
  }
}

/** The stored value was written by a newer program; overwriting it would lose what that one knows. */
export class ValueNewerError extends Error {
  constructor(readonly key: string, readonly found: number, readonly known: number) {
    super(`${key} has schema version ${found}, this program understands up to ${known}; upgrade it before it may write there`);
    this.name = 'ValueNewerError';
  }
}

/** An object that a decision needs is not there. */
export class ObjectNotFoundError extends Error {
  constructor(readonly kind: string, readonly id: string) {
    super(`${kind} ${id} does not exist`);
    this.name = 'ObjectNotFoundError';
  }
}

/** A body that somebody wants to name is being swept, and that does not come to its end. It may be put again later. */
export class BodyBeingSweptError extends Error {
  constructor(collection: string, hash: string) {
    super(`${collection}/${hash} is being swept, since nobody named it; it can be put again when that is over`);
    this.name = 'BodyBeingSweptError';
  }
}
