import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An authority of a test's own, whose certificates are for this machine's loopback addresses. */
export class Authority {
  private readonly directory = mkdtempSync(join(tmpdir(), 'berth-tls-'));
  readonly caFile = join(this.directory, 'ca.pem');
  private readonly caKey = join(this.directory, 'ca.key');

  constructor() {
    this.openssl('req', '-x509', ...newKey, '-keyout', this.caKey, '-out', this.caFile, '-subj', '/CN=authority of a test', '-days', '1');
  }

  get ca(): Buffer {
    return readFileSync(this.caFile);
  }

  /** A certificate with its key; issued again under the same name it replaces the former one. */
  issue(name: string): { readonly certFile: string; readonly keyFile: string } {
    const file = (extension: string) => join(this.directory, `${name}.${extension}`);
    writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    this.openssl('req', ...newKey, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`);
    this.openssl('x509', '-req', '-in', file('csr'), '-CA', this.caFile, '-CAkey', this.caKey, '-CAcreateserial', '-out', file('pem'), '-days', '1', '-extfile', file('ext'));
    return { certFile: file('pem'), keyFile: file('key') };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
