import type { JWTPayload } from 'jose';
import { jwtVerify } from 'jose';
import { oidcClockSkewMs, oidcSubjectCharactersMax, oidcTokenCharactersMax } from '../../domain/limits';
import { isoTime } from '../../domain/status';
import { ApiProblem } from '../http/problem';
import type { IssuerOptions } from './issuer-keys';
import { IssuerKeys } from './issuer-keys';

export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri?: string | undefined;
}

/** What a token says for certain. */
export interface VerifiedToken {
  readonly issuer: string;
  readonly subject: string;
  /** ISO 8601: until when it is taken, the difference between clocks included. */
  readonly expiresAt: string;
}

/** A token that is not good; the message is for the log. */
export class OidcRefusal extends Error {
  override readonly name = 'OidcRefusal';
}

/** Those that nobody can sign with who can verify. `none` and everything symmetric are not among them. */
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** Types of token that are made to be shown by a client; a logout token, for one, is not. */
const types = [undefined, 'JWT', 'AT+JWT'];

/** Verifies tokens of one issuer, made for one audience. */
export class OidcVerifier {
  private readonly keys: IssuerKeys;

  constructor(
    private readonly settings: OidcSettings,
    options: Pick<IssuerOptions, 'onProblem' | 'now'>,
  ) {
    this.keys = new IssuerKeys({ issuer: settings.issuer, jwksUri: settings.jwksUri, ...options });
  }

  /** Throws OidcRefusal, or `dependency_unavailable` while the issuer's keys are not known. */
  async verify(token: string, nowMs = Date.now()): Promise<VerifiedToken> {
    if (token.length > oidcTokenCharactersMax) throw new OidcRefusal(`it is longer than ${oidcTokenCharactersMax} characters`);
    const { issuer } = this.settings;
    const { sub, exp } = await this.payloadOf(token, nowMs);
    if (typeof sub !== 'string' || sub === '' || sub.length > oidcSubjectCharactersMax) throw new OidcRefusal('it names no subject');
    return { issuer, subject: sub, expiresAt: isoTime(exp! * 1000 + oidcClockSkewMs) };
  }

  private async payloadOf(token: string, nowMs: number): Promise<JWTPayload> {
    const { issuer, audience } = this.settings;
    const skewSeconds = oidcClockSkewMs / 1000;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, (header, input) => this.keys.keyOf(header, input), {
        issuer,
        audience,
        algorithms,
        clockTolerance: skewSeconds,
        requiredClaims: ['sub', 'exp'],
        currentDate: new Date(nowMs),
      });
      if (!types.includes(protectedHeader.typ?.toUpperCase().replace(/^APPLICATION\//, ''))) throw new OidcRefusal(`it is a ${protectedHeader.typ}`);
      if (payload.iat !== undefined && payload.iat > nowMs / 1000 + skewSeconds) throw new OidcRefusal('it was issued in the future');
      return payload;
    } catch (error) {
      if (error instanceof ApiProblem || error instanceof OidcRefusal) throw error;
      // Whatever else went wrong, a key that is too short included, went wrong with this token.
      throw new OidcRefusal(error instanceof Error ? error.message : 'it cannot be verified', { cause: error });
    }
  }
}
