import type { Header } from './header';

/** What an org or a project may hold at a time, as a sum over everything that has not been asked to end. */
export interface Amounts {
  readonly instances: number;
  readonly cpuMillicores: number;
  readonly memoryMib: number;
  readonly storageMib: number;
  readonly ports: number;
  /** Definition versions that are not deleted. */
  readonly definitions: number;
}

/** Bounds of some of the amounts; what is not named is not bounded. */
export type QuotaLimits = Partial<Amounts>;

/** A tenant. Whatever it owns, nobody else can tell that it exists. */
export interface OrgSpec extends Header {
  readonly kind: 'Org';
  /** Unique. */
  readonly name: string;
  readonly displayName: string;
  /** While true its principals are let in nowhere, and nothing new is admitted into it; what runs, runs on. */
  readonly suspended: boolean;
  /** It is being deleted: nothing new may come to belong to it. */
  readonly closing: boolean;
  readonly quota: QuotaLimits;
}

/** A part of an org; the org `default` and every other one begin with a project `default`. */
export interface ProjectSpec extends Header {
  readonly kind: 'Project';
  /** Unique in its org. */
  readonly name: string;
  readonly displayName: string;
  readonly closing: boolean;
  readonly quota: QuotaLimits;
}
