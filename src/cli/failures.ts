import { ProblemError } from '../client/problem-error';
import { NoAnswerError } from './asking';

/** What a person is told of a failure. */
export function describeFailure(error: unknown): string {
  if (error instanceof ProblemError) {
    const { title } = error.document;
    const fields = [['detail', error.message], ['code', error.code], ['what to do', adviceFor(error)], ['request', error.requestId ?? 'unknown']] as const;
    return lines(typeof title === 'string' ? title : 'The server refused', fields);
  }
  if (error instanceof NoAnswerError) {
    const advice = `start Berth with npm run dev, or name its API by --server or BERTH_API_URL (this address: ${error.server.saidBy})`;
    return lines('The server cannot be reached', [['detail', error.message], ['what to do', advice]]);
  }
  return `error: ${error instanceof Error ? error.message : String(error)}`;
}

function lines(title: string, fields: ReadonlyArray<readonly [name: string, value: string]>): string {
  return [`error: ${title}`, ...fields.map(([name, value]) => `  ${name.padEnd(10)}  ${value}`)].join('\n');
}

function adviceFor(problem: ProblemError): string {
  if (problem.retryable) return 'run it again in a moment; if it stays so, see berth admin leaders and berth admin store';
  if (problem.status === 401) return 'set BERTH_TOKEN to a good token; docs/access.md says how to get one';
  if (problem.status === 403) return 'ask whoever gives access for what the detail names; docs/access.md';
  if (problem.status === 404) return 'look whether kind and id are right';
  if (problem.status >= 500) return 'the log of the server has more under the request id';
  return 'change the command as the detail says';
}
