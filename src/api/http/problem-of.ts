import { HttpException } from '@nestjs/common';
import { breakerPauseMs } from '../../domain/limits';
import { EventGapError } from '../../domain/object-state';
import { BodyBeingSweptError, CommitUncertainError, EpochEndedError, ObjectNotFoundError, ValueNewerError } from '../../stores/etcd/errors';
import { isEtcdFailure } from '../../stores/etcd/failures';
import { isNoSpace } from '../../stores/etcd/maintenance';
import { MongoUnavailableError } from '../../stores/mongo/errors';
import { ArtifactError } from '../artifacts/artifact-error';
import { InvalidDocument } from '../documents/invalid-document';
import type { ProblemCode, ProblemOptions } from './problem';
import { ApiProblem, problemKinds } from './problem';

/** What any error means to the outside. What is not known here is a fault of ours, of which nothing is told. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof InvalidDocument) return ofInvalidDocument(error);
  if (error instanceof ArtifactError) return ofArtifact(error);
  if (error instanceof ObjectNotFoundError) return ofMissing(error);
  if (error instanceof CommitUncertainError) {
    const detail = 'etcd did not answer whether this was written; repeat the request with the same Idempotency-Key';
    return new ApiProblem('commit_uncertain', detail, { cause: error, members: { dependency: 'etcd' }, headers: retrySoon });
  }
  // This process ends, and another one or its successor knows the store as it is now.
  if (error instanceof EpochEndedError) return new ApiProblem('dependency_unavailable', `${error.message}; ask again`, { cause: error, members: { dependency: 'etcd' }, headers: retrySoon });
  if (error instanceof EventGapError) return new ApiProblem('record_incomplete', error.message, { cause: error });
  if (error instanceof BodyBeingSweptError) return new ApiProblem('conflict', `${error.message}; ask again`, { cause: error });
  if (error instanceof ValueNewerError) return ofNewer(error);
  if (isNoSpace(error)) return new ApiProblem('store_full', 'etcd has no room for this; Berth makes room by itself where there is any to give back', { cause: error });
  if (isEtcdFailure(error)) return unavailable('etcd', error);
  if (error instanceof MongoUnavailableError) return unavailable('mongodb', error);
  return ofHttpException(error) ?? new ApiProblem('internal_error', 'something went wrong; the log has it under this request id', { cause: error });
}

export function unavailable(dependency: string, cause: unknown, options: Pick<ProblemOptions, 'isLogged'> = {}): ApiProblem {
  return new ApiProblem('dependency_unavailable', `${dependency} cannot be reached`, { ...options, cause, members: { dependency }, headers: retrySoon });
}

/** A dependency that was away is found to be back within this time. */
const retrySoon = { 'retry-after': String(Math.ceil(breakerPauseMs / 1000)) };

/** While servers of two versions run side by side, the same request may reach one that understands. */
function ofNewer(error: ValueNewerError): ApiProblem {
  return new ApiProblem('newer_version', `${error.message}; nothing was written`, { cause: error, members: { found: error.found, known: error.known } });
}

function ofInvalidDocument(error: InvalidDocument): ApiProblem {
  return new ApiProblem('invalid_document', summary(error.problems.map(({ message }) => message)), { cause: error, errors: error.problems });
}

function ofArtifact(error: ArtifactError): ApiProblem {
  const path = error.code === 'artifact_hash_mismatch' ? 'artifact.sha256' : 'artifact.uri';
  const inside = error.cause instanceof InvalidDocument ? error.cause.problems : undefined;
  const errors = inside ?? [{ path, expected: 'an artifact that can be used', message: error.message }];
  return new ApiProblem(error.code, error.message, { cause: error, errors });
}

function ofMissing(error: ObjectNotFoundError): ApiProblem {
  const code = `${error.kind}_not_found`;
  return new ApiProblem(code in problemKinds ? (code as ProblemCode) : 'not_found', error.message, { cause: error });
}

function ofHttpException(error: unknown): ApiProblem | undefined {
  if (!(error instanceof HttpException)) return undefined;
  const status = error.getStatus();
  if (status >= 500) return undefined;
  const code = (Object.keys(problemKinds) as ProblemCode[]).find((known) => problemKinds[known].status === status);
  return new ApiProblem(status === 404 ? 'not_found' : (code ?? 'invalid_request'), error.message, { cause: error });
}

function summary(messages: readonly string[]): string {
  const [first = 'it is not valid', ...others] = messages;
  return others.length === 0 ? first : `${first} (and ${others.length} more)`;
}
