import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import type { Observable } from 'rxjs';
import { map } from 'rxjs';

/** What a route answers when its headers say something too. */
export class Answer<Body> {
  constructor(
    readonly body: Body,
    readonly headers: Readonly<Record<string, string>>,
  ) {}
}

/** Sends the headers of an `Answer`, and hands its body on. Other bodies, such as pages, say by a field which revision they show. */
export class AnswerInterceptor implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = execution.switchToHttp().getResponse<Response>();
    return next.handle().pipe(
      map((answer: unknown) => {
        if (!(answer instanceof Answer)) {
          const revision = revisionOf(answer);
          if (revision !== undefined) response.set('Berth-Revision', revision);
          return answer;
        }
        response.set(answer.headers);
        return answer.body as unknown;
      }),
    );
  }
}

function revisionOf(body: unknown): string | undefined {
  const revision = typeof body === 'object' && body !== null && 'revision' in body ? body.revision : undefined;
  return typeof revision === 'string' ? revision : undefined;
}
