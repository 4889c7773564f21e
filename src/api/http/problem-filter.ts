import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { Catch } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { redact } from '../../domain/redaction';
import type { RefusalLog } from '../audit/refusal-log';
import { refusalOf } from '../audit/refusal-of';
import type { Routes } from '../openapi';
import { loggedRequest } from './access-log';
import { contextOf } from './context';
import { ApiProblem, problemDocument } from './problem';
import { problemOf } from './problem-of';

/** Answers every error as a problem document, and has every refusal recorded; causes and stacks go to the log and nowhere else. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Logger,
    private readonly routes: Routes,
    private readonly refusals: Pick<RefusalLog, 'record'>,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const context = contextOf(request);
    const { requestId } = context;
    const problem = this.asMethodProblem(problemOf(error), request);
    // That a client's patience ended is no fault of ours.
    const isOurs = problem.status >= 500 && problem.status !== 504 && problem.options.isLogged !== true;
    if (isOurs) this.log.error({ ...loggedRequest(context), code: problem.code, err: problem.options.cause ?? problem }, problem.message);
    const refusal = refusalOf(request, problem, Date.now(), (path) => this.routes.match(path));
    if (refusal) this.refusals.record(refusal);
    if (response.headersSent) {
      response.destroy(); // Half an answer was sent: a cut connection is the only honest end.
      return;
    }
    response.set({ ...problem.options.headers });
    response.status(problem.status).type('application/problem+json');
    // What a client sent may come back in what is said about it, and is then kept by whoever logs answers.
    response.send(redact(JSON.stringify(problemDocument(problem, requestId))));
  }

  private asMethodProblem(problem: ApiProblem, request: Request): ApiProblem {
    if (problem.code !== 'not_found') return problem;
    const allowed = this.routes.methodsOf(request.path);
    if (allowed.length === 0 || allowed.includes(request.method)) return problem;
    const detail = `${request.path} knows ${allowed.join(', ')}`;
    return new ApiProblem('method_not_allowed', detail, { headers: { Allow: allowed.join(', ') } });
  }
}
