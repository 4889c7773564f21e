import { connect } from 'node:net';

/** What a client found at a port is not what should be there. */
export class VisitError extends Error {
  constructor(address: string, expected: string, cause?: unknown) {
    super(`${address}: expected ${expected}${cause instanceof Error ? `, but: ${cause.message}` : ''}`, { cause });
    this.name = 'VisitError';
  }
}

const visitTimeoutMs = 5_000;
const prompt = /^[\w.-]+>$/;

/** What a device's console said. */
export interface ConsoleVisit {
  readonly device: string;
  readonly version: string;
}

/**
 * Connects to a console as telnet would, waits for its prompt, asks for the version and leaves.
 * Throws VisitError when nobody answers, or not like a console.
 */
export function visitConsole(host: string, port: number): Promise<ConsoleVisit> {
  const address = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: visitTimeoutMs });
    let text = '';
    let device: string | undefined;
    const fail = (expected: string, cause?: unknown) => {
      socket.destroy();
      reject(new VisitError(address, expected, cause));
    };
    socket.setEncoding('utf8');
    socket.on('error', (error) => fail('a console', error));
    socket.on('timeout', () => fail(`a prompt within ${visitTimeoutMs} ms`));
    socket.on('close', () => reject(new VisitError(address, 'a console that stays open')));
    socket.on('data', (data: string) => {
      text += data;
      const lastLine = text.split(/\r?\n/).at(-1) ?? '';
      if (!prompt.test(lastLine)) return;
      if (device === undefined) {
        device = lastLine.slice(0, -1);
        text = '';
        socket.write('show version\r\n');
        return;
      }
      socket.end('exit\r\n');
      const version = text.split(/\r?\n/).find((line) => line.includes('device')) ?? '';
      if (version === '') fail('an answer to `show version`');
      else resolve({ device, version });
    });
  });
}

/** Asks an HTTP server for a page. Throws VisitError unless it answers 200 with `expected` in its text. */
export async function visitHttp(url: string, expected: string): Promise<string> {
  let text: string;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(visitTimeoutMs) });
    text = await response.text();
  } catch (cause) {
    throw new VisitError(url, 'an HTTP server', cause);
  }
  if (!text.includes(expected)) throw new VisitError(url, `${JSON.stringify(expected)} in the answer, found ${JSON.stringify(text.slice(0, 200))}`);
  return text.trim().split('\n')[0] ?? '';
}

/** Throws VisitError when somebody still listens at a port. */
export function visitClosed(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: visitTimeoutMs });
    socket.on('connect', () => {
      socket.destroy();
      reject(new VisitError(`${host}:${port}`, 'nobody to listen any more'));
    });
    socket.on('error', () => resolve());
    socket.on('timeout', () => {
      socket.destroy();
      resolve();
    });
  });
}
