import type { Cause } from './events';

/** What a W3C `traceparent` header says (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** 32 hexadecimal digits, the same in everything that one first request led to. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the part of the trace that this was sent from. */
  readonly spanId: string;
  /** Two hexadecimal digits. */
  readonly flags: string;
}

/** `sampled` and `random`: those that version 00 knows. Whoever passes a trace on clears all others. */
const knownFlags = 0x03;

/**
 * Reads a header by the letter of the standard; undefined where it does not keep to it, and the trace then begins here.
 * A later version is read as far as this one knows it, as the standard asks.
 */
export function parseTraceparent(header: string): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const isLonger = rest !== undefined;
  if (version === 'ff' || (version === '00' && isLonger) || isZero(traceId) || isZero(spanId)) return undefined;
  return { traceId, spanId, flags: (Number.parseInt(flags, 16) & knownFlags).toString(16).padStart(2, '0') };
}

/** The header that says it, in version 00. */
export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** The id of the trace alone, which is what people look for. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : parseTraceparent(traceparent)?.traceId;
}

/** What every log line about the consequences of a request says of it. */
export interface LoggedCause {
  readonly requestId?: string;
  readonly correlationId?: string;
  readonly traceId?: string;
}

/** The ids by which a log line is found beside the request that led to it. */
export function loggedCause({ requestId, correlationId, traceparent }: Pick<Cause, 'requestId' | 'correlationId' | 'traceparent'>): LoggedCause {
  const traceId = traceIdOf(traceparent);
  return {
    ...(requestId !== undefined && { requestId }),
    ...(correlationId !== undefined && { correlationId }),
    ...(traceId !== undefined && { traceId }),
  };
}

function isZero(digits: string): boolean {
  return /^0+$/.test(digits);
}
