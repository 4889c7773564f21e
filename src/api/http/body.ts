import type { NextFunction, Request, Response } from 'express';
import { json, text } from 'express';
import { requestBodyBytesMax } from '../../domain/limits';
import { ApiProblem } from './problem';

const jsonTypes = ['application/json', 'application/*+json'];
const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'application/*+yaml'];

/** Express middlewares that read a body: JSON into a value, YAML as text, anything else not at all. */
export const bodyReaders = [
  refuseOtherTypes,
  json({ limit: requestBodyBytesMax, type: jsonTypes }),
  text({ limit: requestBodyBytesMax, type: yamlTypes }),
];

function refuseOtherTypes(request: Request, _response: Response, next: NextFunction): void {
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  const accepted = takesYaml(request) ? [...jsonTypes, ...yamlTypes] : jsonTypes;
  if (!hasBody || request.is(accepted)) return next();
  const kinds = takesYaml(request) ? 'application/json or application/yaml' : 'application/json';
  next(new ApiProblem('unsupported_media_type', `the body must be ${kinds}, not ${request.get('Content-Type') ?? 'of no stated type'}`));
}

/** People write definitions by hand; everything else comes from programs. */
function takesYaml(request: Request): boolean {
  return /^\/api\/v1\/definitions\/?$/.test(request.path);
}
