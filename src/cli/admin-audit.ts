import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { ConnectionError, ProblemError } from '../client/problem-error';
import type { Query } from '../client/http';
import { askAndPrint, askServer } from './asking';
import { say } from './print';
import { counted, table } from './table';

/** The answer of `GET /api/v1/audit`, as far as the command shows it. Servers may say more. */
interface AuditPage {
  readonly items: ReadonlyArray<{
    readonly time: string;
    readonly outcome: string;
    readonly principal?: string;
    readonly address?: string;
    readonly route?: string;
    readonly event?: string;
    readonly object?: { readonly kind?: string; readonly id: string };
    readonly org: string;
    readonly code?: string;
    readonly counts?: Readonly<Record<string, number>>;
    readonly requestId?: string;
  }>;
  readonly nextCursor?: string;
}

interface Flags {
  readonly export?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly principal?: string;
  readonly object?: string;
  readonly from?: string;
  readonly to?: string;
  readonly outcome?: string;
  readonly code?: string;
  readonly org?: string;
}

/** Adds `berth admin audit`: who did what, and who was refused what. */
export function registerAudit(admin: Command): void {
  admin
    .command('audit')
    .description('who did what, and who was refused what')
    .option('--principal <id>', 'only of this principal')
    .option('--object <id>', 'only about this object')
    .option('--from <time>', 'from this moment on, such as 2026-01-31T12:00:00Z')
    .option('--to <time>', 'before this moment')
    .addOption(new Option('--outcome <outcome>', 'only what was done, or refused').choices(['done', 'refused']))
    .option('--code <code>', 'only refusals with this problem code')
    .option('--org <id>', 'only of this organisation')
    .option('--limit <lines>', 'at most so many', lines, 100)
    .option('--cursor <cursor>', 'where the former page ended')
    .option('--export <file>', 'write all lines to a file, one JSON object a line')
    .action(async ({ export: file, limit, cursor, ...filter }: Flags, command: Command) => {
      if (file === undefined) await askAndPrint<AuditPage>(command, 'GET', '/audit', showAudit, { ...filter, limit, cursor });
      else await exportAudit(command, resolve(file), filter);
    });
}

/** The file is there when it is whole; it is its owner's alone, since it tells who did what from where. */
async function exportAudit(command: Command, file: string, filter: Query): Promise<void> {
  const part = `${file}.part`;
  let count = 0;
  const passing = async function* (pieces: AsyncIterable<string>) {
    for await (const piece of pieces) {
      count += piece.split('\n').length - 1;
      yield piece;
    }
  };
  try {
    await askServer(command, async (client) => {
      const pieces = client.pieces('/api/v1/audit', 'application/x-ndjson', { query: filter });
      // What the disk refuses is no fault of the server.
      await pipeline(passing(pieces), createWriteStream(part, { mode: 0o600 })).catch((error: unknown) => {
        throw error instanceof ProblemError || error instanceof ConnectionError ? error : new LocalFailure(file, error);
      });
    });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error instanceof Error && error.cause instanceof LocalFailure ? error.cause : error;
  }
  say(`${counted(count, 'line')} in ${file}`);
}

/** The file cannot be written. */
class LocalFailure extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'LocalFailure';
  }
}

function showAudit({ items, nextCursor }: AuditPage): string {
  const found = table(items, {
    TIME: ({ time }) => time,
    WHO: ({ principal }) => principal ?? '(nobody known)',
    FROM: ({ address }) => address,
    WHAT: ({ event, route, counts }) => event ?? route ?? (counts && 'several requests'),
    OBJECT: ({ object }) => object && `${object.kind ?? ''} ${object.id}`.trim(),
    ORG: ({ org }) => org,
    OUTCOME: ({ outcome, code, counts }) => (counts ? Object.entries(counts).map(([each, count]) => `${each} × ${count}`).join(', ') : (code ?? outcome)),
    REQUEST: ({ requestId }) => requestId,
  });
  return [found, ...(nextCursor === undefined ? [] : [`more: --cursor ${nextCursor}`])].join('\n');
}

function lines(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > 1_000) throw new InvalidArgumentError('It is no whole number from 1 to 1000.');
  return Number(text);
}
