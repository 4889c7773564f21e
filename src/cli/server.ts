import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from './errors';

/** Which server a command asks, and who said so. */
export interface Server {
  readonly url: string;
  readonly saidBy: string;
}

const fallbackUrl = 'http://127.0.0.1:8080';

/** By the option, else the environment, else what `npm run dev` of this clone wrote, else where an API listens by default. */
export function serverOf(option: string | undefined, environment: NodeJS.ProcessEnv): Server {
  if (option !== undefined) return checked(option, '--server');
  const variable = environment['BERTH_API_URL'];
  if (variable !== undefined && variable !== '') return checked(variable, 'BERTH_API_URL');
  const dev = devUrl(environment);
  return dev === undefined ? { url: fallbackUrl, saidBy: 'by default' } : checked(dev, 'npm run dev');
}

function checked(text: string, saidBy: string): Server {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw new UsageError(`${saidBy} must be an http(s) URL, not ${JSON.stringify(text)}`);
  return { url: text.replace(/\/+$/, ''), saidBy };
}

/** Where `npm run dev` says that its API is, while it runs. */
function devUrl(environment: NodeJS.ProcessEnv): string | undefined {
  const file = join(resolve(environment['BERTH_DEV_DIR'] ?? join(__dirname, '..', '..', '.berth')), 'dev.json');
  if (!existsSync(file)) return undefined;
  try {
    const { api } = JSON.parse(readFileSync(file, 'utf8')) as { api?: unknown };
    return typeof api === 'string' ? api : undefined;
  } catch {
    return undefined; // It is being written; whoever asks again finds it.
  }
}
