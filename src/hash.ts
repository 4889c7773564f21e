import { hash } from 'node:crypto';
import { canonicalJson } from './domain/canonical-json';

/** SHA-256 in lower-case hex; text is hashed as UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** The hash by which an immutable body is stored and found: of its canonical JSON, so the order of keys has no part. */
export function contentHash(body: unknown): string {
  return sha256Hex(canonicalJson(body));
}
