import { isUtf8 } from 'node:buffer';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { raw, text } from 'express';
import { faultOfJson } from '../../domain/json-scan';
import { problemsMax, requestBodyBytesMax } from '../../domain/limits';
import { describeValue, problemAt } from '../../domain/problem';
import { chained } from './chain';
import { callerOf } from './context';
import { ApiProblem } from './problem';

const jsonTypes = ['application/json', 'application/*+json'];
const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'application/*+yaml'];

const readBody = chained(
  refuseOtherTypes,
  raw({ limit: requestBodyBytesMax, type: jsonTypes }),
  parseJson,
  text({ limit: requestBodyBytesMax, type: yamlTypes }),
  explainUnreadable,
);

/**
 * Express middleware that reads a body: JSON into an object or a list, YAML as text, anything else not at all. Of a stranger
 * it reads none: what is open to all takes none, and he would be counted by nobody.
 */
export function bodyReader(request: Request, response: Response, next: NextFunction): unknown {
  return hasBody(request) && callerOf(request) !== undefined ? readBody(request, response, next) : next();
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined;
}

/** For routes that take no body: what somebody sends there is meant for something, and must not be passed over. */
export class NoBody implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    const body: unknown = execution.switchToHttp().getRequest<Request>().body;
    const errors = Object.keys(body ?? {}).map((field) => problemAt([field], 'no body', 'an unknown field'));
    if (errors.length > 0) throw new ApiProblem('invalid_request', 'this route takes no body', { errors: errors.slice(0, problemsMax) });
    return true;
  }
}

function refuseOtherTypes(request: Request, _response: Response, next: NextFunction): void {
  const isEmpty = request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0;
  const accepted = takesYaml(request) ? [...jsonTypes, ...yamlTypes] : jsonTypes;
  if (isEmpty || request.is(accepted)) return next();
  const kinds = takesYaml(request) ? 'application/json or application/yaml' : 'application/json';
  next(new ApiProblem('unsupported_media_type', `the body must be ${kinds}, not ${request.get('Content-Type') ?? 'of no stated type'}`));
}

/** People write definitions by hand; everything else comes from programs. */
function takesYaml(request: Request): boolean {
  return /^\/api\/v1\/definitions\/?$/.test(request.path);
}

/**
 * Not by the parser of express: what is nested without end, or has a key twice or one that reaches beyond its object, is
 * refused before anything is made of it, and so whatever the route makes of it.
 */
function parseJson(request: Request, _response: Response, next: NextFunction): void {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body)) return next();
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(request.get('Content-Type') ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) return next(new ApiProblem('unsupported_media_type', `JSON is written in UTF-8, not in ${charset}`));
  try {
    request.body = body.length === 0 ? undefined : jsonOf(body);
  } catch (error) {
    return next(error);
  }
  // Not within: whatever those that follow throw is none of this body's faults.
  next();
}

function jsonOf(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiProblem('malformed_body', 'the body is not valid UTF-8');
  const json = body.toString('utf8').replace(/^\uFEFF/, '');
  const fault = faultOfJson(json);
  if (fault !== undefined) throw new ApiProblem('malformed_body', `the body is not taken: ${fault}`);
  const value = parsed(json);
  if (typeof value === 'object' && value !== null) return value;
  const problem = problemAt([], 'an object', describeValue(value));
  throw new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new ApiProblem('malformed_body', `the body is not valid JSON: ${(cause as SyntaxError).message}`, { cause });
  }
}

/** The readers say by `type` what was wrong; NestJS would make something of their errors that no longer has it. */
function explainUnreadable(error: unknown, _request: Request, _response: Response, next: NextFunction): void {
  next(error instanceof Error && 'type' in error ? problemOfUnreadable(error) : error);
}

function problemOfUnreadable(error: Error & { readonly type: unknown }): ApiProblem {
  switch (error.type) {
    case 'entity.too.large':
      return new ApiProblem('body_too_large', `at most ${requestBodyBytesMax} bytes are read`, { cause: error });
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new ApiProblem('unsupported_media_type', error.message, { cause: error });
    default:
      return new ApiProblem('malformed_body', 'the body could not be read', { cause: error });
  }
}
