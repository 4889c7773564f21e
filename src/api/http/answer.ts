import { ExpressAdapter } from '@nestjs/platform-express';
import type { Response } from 'express';
import type { z } from 'zod';

/** What a route answers when its headers say something too. */
export class Answer<Body> {
  constructor(
    readonly body: Body,
    readonly headers: Readonly<Record<string, string>>,
  ) {}
}

/**
 * Sends the headers of an `Answer`, and its body. Other bodies, such as pages, say by a field which revision they show. This
 * is no interceptor: NestJS leads every request through streams of events for the sake of those, at the cost of a read.
 */
export class AnsweringAdapter extends ExpressAdapter {
  override reply(response: Response, answer: unknown, statusCode?: number): unknown {
    if (answer instanceof Answer) {
      for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
      return super.reply(response, answer.body, statusCode);
    }
    const revision = revisionOf(answer);
    if (revision !== undefined) response.setHeader('Berth-Revision', revision);
    return super.reply(response, answer, statusCode);
  }
}

/** Decorator of a route: what it answers is checked, and nothing but what the schema names of it is sent. */
export function Answers(schema: z.ZodType) {
  const checked = (answer: unknown): unknown => {
    if (answer instanceof Answer) return new Answer(schema.parse(answer.body), answer.headers);
    return typeof answer === 'object' && answer !== null ? schema.parse(answer) : answer;
  };
  return (_prototype: object, name: string | symbol, descriptor: PropertyDescriptor): void => {
    const route = descriptor.value as (...given: unknown[]) => unknown;
    async function answering(this: unknown, ...given: unknown[]): Promise<unknown> {
      return checked(await route.apply(this, given));
    }
    // NestJS finds what a route takes by its name, and what is declared of it at the function itself.
    Object.defineProperty(answering, 'name', { value: name });
    for (const key of Reflect.getMetadataKeys(route) as unknown[]) Reflect.defineMetadata(key, Reflect.getMetadata(key, route), answering);
    descriptor.value = answering;
  };
}

function revisionOf(body: unknown): string | undefined {
  const revision = typeof body === 'object' && body !== null && 'revision' in body ? body.revision : undefined;
  return typeof revision === 'string' ? revision : undefined;
}
