import { randomBytes, timingSafeEqual } from 'node:crypto';
import { sha256Hex } from './hash';

/** 256 bits: nothing is gained by guessing, so that a plain hash of it needs no salt and no slowness. */
const secretBytes = 32;
const form = /^berth_([A-Za-z0-9-]{1,64})_([A-Za-z0-9_-]{43})$/;

/** What a token says: which one it is, and that it is held by whom it was given to. */
export interface PresentedToken {
  readonly id: string;
  readonly secret: string;
}

/** A new secret for a token of this id: `token` is shown once to whom it is for, `hash` is what is stored. */
export function mintTokenSecret(tokenId: string): { readonly token: string; readonly hash: string } {
  const secret = randomBytes(secretBytes).toString('base64url');
  return { token: `berth_${tokenId}_${secret}`, hash: sha256Hex(secret) };
}

/** Reads `berth_<id>_<secret>`; undefined for anything else. */
export function parseToken(text: string): PresentedToken | undefined {
  const [, id, secret] = form.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Whether a hash is that of a secret. Takes as long where there is no hash to compare with. */
export function isSecretOf(hash: string | undefined, secret: string): boolean {
  const stored = Buffer.from(hash ?? noHash);
  const presented = Buffer.from(sha256Hex(secret));
  return stored.length === presented.length && timingSafeEqual(stored, presented) && hash !== undefined;
}

const noHash = '0'.repeat(64);
