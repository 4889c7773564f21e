import {
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
} from 'etcd3';
import { EtcdUnavailableError } from './errors';

/** Whether etcd could not be reached, did not answer in time, or refused to serve: nothing that a caller did wrong. */
export function isEtcdFailure(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  // etcd3 makes a class of each gRPC status and gives them no name of their own.
  return /^(GRPC|Etcd|ClientClosed)\w*Error$/.test(error.constructor.name);
}

/** Whether a request was refused before anything was done, for instance by a full store: sending it again at once is no use. */
export function isDefiniteRefusal(error: Error): boolean {
  return refusals.some((refusal) => error instanceof refusal);
}

/** Whether nobody answered, or not in time. */
export function isEtcdOutage(error: unknown): boolean {
  return error instanceof GRPCUnavailableError || error instanceof GRPCDeadlineExceededError;
}

const refusals = [
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  EtcdUnavailableError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
];
