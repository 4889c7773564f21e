/** Why a backup or a restore was refused; nothing has been changed. */
export type RecoveryRefusal =
  /** What is to be written to holds something already. */
  | 'target_not_empty'
  /** There is no finished copy. */
  | 'no_copy'
  /** The copy is not as it was written. */
  | 'copy_damaged'
  /** The copy was written by a newer Berth. */
  | 'newer_version'
  /** The copy, or the store, is of something else than was meant. */
  | 'wrong_store';

/** Nothing was changed; the message says what is wrong and what to do. */
export class RecoveryError extends Error {
  constructor(
    readonly code: RecoveryRefusal,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'RecoveryError';
  }
}
