import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from './errors';

/** Which server a command asks, and who said so. */
export interface Server {
  readonly url: string;
  readonly saidBy: string;
  /** What lets the command in; undefined: nothing was found, and the server will say so. */
  readonly token?: string;
}

const fallbackUrl = 'http://127.0.0.1:8080';

/**
 * By the option, else the environment, else what `npm run dev` of this clone wrote, else where an API listens by default.
 * The token is that of the environment, else that of `npm run dev`, which goes to that server and no other.
 */
export function serverOf(option: string | undefined, environment: NodeJS.ProcessEnv): Server {
  const dev = devServer(environment);
  const server = addressOf(option, environment, dev?.api);
  const token = environment['BERTH_TOKEN']?.trim() || (server.url === dev?.api ? dev?.token : undefined);
  return { ...server, ...(token !== undefined && { token }) };
}

function addressOf(option: string | undefined, environment: NodeJS.ProcessEnv, dev: string | undefined): Server {
  if (option !== undefined) return checked(option, '--server');
  const variable = environment['BERTH_API_URL'];
  if (variable !== undefined && variable !== '') return checked(variable, 'BERTH_API_URL');
  return dev === undefined ? { url: fallbackUrl, saidBy: 'by default' } : checked(dev, 'npm run dev');
}

function checked(text: string, saidBy: string): Server {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new UsageError(`${saidBy} must be an http(s) URL, not ${JSON.stringify(text)}`);
  return { url: text.replace(/\/+$/, ''), saidBy };
}

/** Where `npm run dev` says that its API is, while it runs, and what it lets in by. */
function devServer(environment: NodeJS.ProcessEnv): { readonly api: string; readonly token?: string } | undefined {
  const file = join(resolve(environment['BERTH_DEV_DIR'] ?? join(__dirname, '..', '..', '.berth')), 'dev.json');
  if (!existsSync(file)) return undefined;
  try {
    const { api, token } = JSON.parse(readFileSync(file, 'utf8')) as { api?: unknown; token?: unknown };
    return typeof api === 'string' ? { api, ...(typeof token === 'string' && { token }) } : undefined;
  } catch {
    return undefined; // It is being written; whoever asks again finds it.
  }
}
