import type { Problem } from '../../domain/problem';

/** A document that was refused, with everything that is wrong with it. */
export class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument';
  readonly code = 'invalid_document';

  constructor(
    readonly problems: readonly Problem[],
    options?: ErrorOptions,
  ) {
    super(problems.map(({ message }) => message).join('; '), options);
  }
}
