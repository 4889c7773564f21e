import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JWK } from 'jose';

/** An issuer of OIDC tokens that runs as a process of its own, and does what a test tells it. */
export class OidcIssuer {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(): Promise<OidcIssuer> {
    const child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'oidc-issuer.process.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
    return new OidcIssuer(child, url);
  }

  /** A token as it should be, but for what a test says. */
  sign(claims: Record<string, unknown> = {}, options: { readonly algorithm?: string; readonly header?: Record<string, unknown> } = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return this.control('sign', { ...options, claims: { iss: this.url, aud: 'berth', sub: 'mia', iat: now, exp: now + 300, ...claims } });
  }

  async publicKeys(): Promise<readonly JWK[]> {
    return JSON.parse(await this.control('keys')) as JWK[];
  }

  async rotate(): Promise<void> {
    await this.control('rotate');
  }

  /** How it answers when it is asked for its keys: `right`, or one of many ways to be wrong. */
  async become(mode: string): Promise<void> {
    await this.control('mode', { mode });
  }

  /** How often its keys were asked for. */
  async fetches(): Promise<number> {
    return Number(await this.control('fetches'));
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    await ended;
  }

  private async control(what: string, body: Record<string, unknown> = {}): Promise<string> {
    const response = await fetch(`${this.url}/control/${what}`, { method: 'POST', body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(await response.text());
    return response.text();
  }
}
