import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import type { Problem } from '../../domain/problem';
import { problemsOf } from '../documents/schema';
import { ApiProblem } from './problem';

/**
 * Checks what a route declares a schema for. NestJS' own pipe says neither what was found nor, for a parameter,
 * which one it was.
 */
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, { schema, type, data }: ArgumentMetadata): unknown {
    if (schema === undefined || type === 'custom') return value;
    if (!(schema instanceof z.ZodType)) return readBySchema(schema, value);
    const parsed = schema.safeParse(value, { reportInput: true });
    if (parsed.success) return parsed.data;
    const errors = problemsOf(parsed.error).map((problem) => (data === undefined ? problem : ofParameter(data, problem)));
    throw new ApiProblem('invalid_request', errors.map(({ message }) => message).join('; '), { errors });
  }
}

/** Schemas that are not zod's refuse by errors of their own. */
async function readBySchema(schema: NonNullable<ArgumentMetadata['schema']>, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues) throw new ApiProblem('invalid_request', result.issues.map(({ message }) => message).join('; '));
  return result.value;
}

function ofParameter(name: string, problem: Problem): Problem {
  return { ...problem, path: name, message: problem.message.replace(/^the document/, name) };
}
