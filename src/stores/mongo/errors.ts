/** MongoDB cannot be reached, or does not answer in time. The same operation may be repeated: all writes are inserts. */
export class MongoUnavailableError extends Error {
  constructor(operation: string, cause: unknown) {
    super(`MongoDB did not ${operation}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'MongoUnavailableError';
  }
}

/** A document is there under this id already, and it is another one. What is recorded is never overwritten. */
export class RecordConflictError extends Error {
  constructor(
    readonly collection: string,
    readonly id: string,
    readonly stored: unknown,
    readonly given: unknown,
  ) {
    super(`${collection}/${id} is recorded already and differs; stored: ${excerpt(stored)}; given: ${excerpt(given)}`);
    this.name = 'RecordConflictError';
  }
}

/** A body that something refers to is not there. */
export class BodyMissingError extends Error {
  constructor(readonly collection: string, readonly hash: string) {
    super(`${collection}/${hash} does not exist`);
    this.name = 'BodyMissingError';
  }
}

/** The stored text is not the one that its hash names: somebody changed it, or it was damaged. */
export class BodyCorruptError extends Error {
  constructor(readonly collection: string, readonly hash: string, readonly found: string) {
    super(`${collection}/${hash} is damaged: its content has the hash ${found}`);
    this.name = 'BodyCorruptError';
  }
}

/** The database was migrated by a program that is newer than this one, or by another one. Nothing was changed. */
export class DatabaseNewerError extends Error {
  constructor(readonly unknown: readonly string[], known: number) {
    super(`the database has migrations that are not known here: ${unknown.join(', ')}; this program knows ${known}. Upgrade it before it may work there`);
    this.name = 'DatabaseNewerError';
  }
}

/** Enough of a document to recognise it in a log. */
function excerpt(document: unknown): string {
  const text = JSON.stringify(document);
  return text.length <= 500 ? text : `${text.slice(0, 500)}…`;
}
