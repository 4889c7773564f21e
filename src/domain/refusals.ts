import { platformOrg } from './header';
import type { Kind } from './header';
import { refusalsDetailedMax, refusedAddressesMax, refusedPrincipalsMax } from './limits';
import { isoTime } from './status';

/** A request that was refused. */
export interface Refusal {
  /** ISO 8601. */
  readonly time: string;
  /** Who asked, such as `user:p-1`; undefined where nobody was known to. */
  readonly principal?: string;
  readonly type: RefusedType;
  readonly address: string;
  /** To whom the principal belongs; `platform` where there is none. */
  readonly org: string;
  /** Id of the credential; one that was not good is named as it was claimed. */
  readonly credential?: string;
  /** What the route asks for. */
  readonly scope?: string;
  /** Method and template, never the path itself. */
  readonly route: string;
  readonly object?: { readonly kind?: Kind; readonly id: string };
  readonly requestId: string;
  readonly traceId?: string;
  readonly code: string;
  readonly status: number;
}

export type RefusedType = 'user' | 'service' | 'worker' | 'unknown';

/** Refusals of one minute that are only counted. */
export interface RefusalCounts extends Pick<Refusal, 'time' | 'principal' | 'type' | 'org'> {
  /** Undefined: of many. */
  readonly address?: string;
  readonly counts: Readonly<Record<string, number>>;
}

export type RefusalRecord = Refusal | RefusalCounts;

/** What one principal, or one address, was refused within the minute. */
interface Refused {
  detailed: number;
  readonly by: Pick<RefusalCounts, 'principal' | 'type' | 'org' | 'address'>;
  readonly counts: Map<string, number>;
}

const minuteMs = 60_000;

/** Of all that there is no room to tell apart. */
const others: Refused['by'] = { principal: 'others', type: 'unknown', org: platformOrg };

/**
 * Decides which refusals are recorded one by one and which are counted, so that the record grows by a bounded number of
 * records a minute whatever is sent. Principals and addresses have room of their own: a crowd of strangers must not
 * hide what somebody within does.
 */
export class RefusalTally {
  private minute = 0;
  private readonly principals = new Map<string, Refused>();
  private readonly addresses = new Map<string, Refused>();
  private rest: Refused = { detailed: 0, by: others, counts: new Map() };

  /** What is to be recorded now: counts of a minute that has ended, and this refusal if it still is told by itself. */
  add(refusal: Refusal, nowMs: number): RefusalRecord[] {
    const ended = this.due(nowMs);
    const refused = this.refusedOf(refusal);
    if (refused !== this.rest && refused.detailed < refusalsDetailedMax) {
      refused.detailed += 1;
      return [...ended, refusal];
    }
    refused.counts.set(refusal.code, (refused.counts.get(refusal.code) ?? 0) + 1);
    return ended;
  }

  /** Counts of the minute that was, once it has ended. */
  due(nowMs: number): RefusalCounts[] {
    const minute = Math.floor(nowMs / minuteMs);
    if (minute === this.minute) return [];
    const counts = this.end(this.minute * minuteMs + minuteMs - 1);
    this.minute = minute;
    return counts;
  }

  /** Counts of the minute so far, for a process that ends. */
  end(nowMs: number): RefusalCounts[] {
    const all = [...this.principals.values(), ...this.addresses.values(), this.rest].filter(({ counts }) => counts.size > 0);
    this.principals.clear();
    this.addresses.clear();
    this.rest = { detailed: 0, by: others, counts: new Map() };
    return all.map(({ by, counts }) => ({ time: isoTime(nowMs), ...by, counts: Object.fromEntries(counts) }));
  }

  private refusedOf({ principal, type, org, address }: Refusal): Refused {
    const [known, max] = principal === undefined ? [this.addresses, refusedAddressesMax] : [this.principals, refusedPrincipalsMax];
    const name = principal ?? address;
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= max) return this.rest;
    const by = principal === undefined ? { type, org, address } : { principal, type, org };
    const refused: Refused = { detailed: 0, by, counts: new Map() };
    known.set(name, refused);
    return refused;
  }
}
