export type ArtifactErrorCode =
  | 'artifact_not_found'
  | 'artifact_outside'
  | 'artifact_too_large'
  | 'artifact_hash_mismatch'
  | 'artifact_invalid';

/** An artifact cannot be used. Names the artifact by its URI only: where it lies on the host is nobody's business. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';

  constructor(
    readonly code: ArtifactErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
