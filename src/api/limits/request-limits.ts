import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { platformOrg } from '../../domain/header';
import { rateBucketsMax } from '../../domain/limits';
import type { Caller } from '../../domain/principal';
import type { Rate, Taken } from '../../domain/token-bucket';
import { shareOf, TokenBuckets } from '../../domain/token-bucket';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import { networkOf } from './address';
import { kindOf, OpenRequests } from './open-requests';
import type { RequestBounds } from './request-bounds';
import { boundsDefault } from './request-bounds';

/** What a rate is of; the name that `RateLimit` headers give it. */
type Policy = 'principal' | 'org' | 'agent' | 'address';

/**
 * Keeps each caller from taking more of the server than is his share. Decided in memory, by each server for itself, so
 * that it costs no store anything: of a rate each live server allows its part.
 */
@Injectable()
export class RequestLimits {
  private readonly bounds: RequestBounds;
  /** Apart by policy: a crowd of strangers takes no room from those who are known, and buckets of one rate fill in one time. */
  private readonly buckets: Readonly<Record<Policy, TokenBuckets>>;
  private readonly open: OpenRequests;
  /** How many the present rates were made for. */
  private servers = 1;

  constructor(@Inject(apiDependencies) dependencies: Pick<ApiDependencies, 'requestBounds'>) {
    this.bounds = { ...boundsDefault, ...dependencies.requestBounds };
    const { openRequestsMax, streamsMax, perPrincipal, perOrg, unauthenticated, perAgent } = this.bounds;
    const of = (rate: Rate) => new TokenBuckets(rateBucketsMax, rate);
    this.buckets = { principal: of(perPrincipal), org: of(perOrg), address: of(unauthenticated), agent: of(perAgent) };
    this.open = new OpenRequests({ request: openRequestsMax, wait: openRequestsMax, stream: streamsMax });
  }

  /** Counts a request of somebody who is known, and says in its answer what is left to him. Throws `rate_limited` or `too_many_requests_in_flight`. */
  enter({ id, type, org }: Pick<Caller, 'id' | 'type' | 'org'>, request: Request, response: Response): void {
    if (type === 'worker') this.take([['agent', id]], response);
    else if (org === platformOrg) this.take([['principal', id]], response);
    else this.take([['principal', id], ['org', org]], response);
    this.open.enter(id, kindOf(request), { request, response });
  }

  /** Counts a request that brought no credential that is known here, before any store is asked whether it is one. Throws `rate_limited`. */
  enterUnknown(request: Request, response: Response): void {
    this.take([['address', networkOf(request.socket.remoteAddress ?? 'unknown')]], response);
  }

  /** One token of each; the own first, so that who asks too much takes nothing from the others of his org. */
  private take(wanted: ReadonlyArray<readonly [policy: Policy, id: string]>, response: Response): void {
    this.share();
    const nowMs = performance.now();
    let policies = '';
    let left = '';
    for (const [policy, id] of wanted) {
      const { [policy]: buckets } = this.buckets;
      const { rate } = buckets;
      const taken = buckets.take(id, nowMs);
      const separator = policies === '' ? '' : ', ';
      policies += `${separator}"${policy}";q=${rate.burst};w=${Math.max(1, Math.ceil(rate.burst / rate.perSecond))}`;
      left += `${separator}"${policy}";r=${taken.remaining};t=${Math.ceil(taken.fullInMs / 1000)}`;
      if (taken.allowed) continue;
      say(response, policies, left);
      throw tooOften(policy, rate, taken);
    }
    say(response, policies, left);
  }

  /** Makes the rates this server's shares as things are. An agent speaks to one server. */
  private share(): void {
    const servers = this.bounds.servers();
    if (this.servers === servers) return;
    const { perPrincipal, perOrg, unauthenticated } = this.bounds;
    this.buckets.principal.rate = shareOf(perPrincipal, servers);
    this.buckets.org.rate = shareOf(perOrg, servers);
    this.buckets.address.rate = shareOf(unauthenticated, servers);
    this.servers = servers;
  }
}

function say(response: Response, policies: string, left: string): void {
  response.setHeader('RateLimit-Policy', policies);
  response.setHeader('RateLimit', left);
}

const whose: Readonly<Record<Policy, string>> = {
  principal: 'this principal asks',
  org: 'those of this organisation ask',
  agent: 'this agent asks',
  address: 'from this address requests without a known credential come',
};

function tooOften(policy: Policy, { perSecond, burst }: Rate, { retryAfterMs }: Taken): ApiProblem {
  const detail = `${whose[policy]} more often than this server allows: ${Number(perSecond.toFixed(2))} times a second, and ${burst} times at once`;
  return new ApiProblem('rate_limited', detail, {
    members: { policy, perSecond, burst, retryAfterMs },
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  });
}
