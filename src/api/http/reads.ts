import { Inject, Injectable } from '@nestjs/common';
import { minRevisionTimeoutMsDefault, minRevisionTimeoutMsMax } from '../../domain/limits';
import { problemAt } from '../../domain/problem';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from './problem';

/** Brings the watch cache to where a reader needs it. */
@Injectable()
export class Reads {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Waits until the cache holds everything up to `minRevision`; answers the revision that it then has. */
  async upTo(query: { readonly minRevision?: number | undefined; readonly timeout?: number | undefined }): Promise<number> {
    const { cache, etcd } = this.dependencies;
    const { minRevision, timeout = minRevisionTimeoutMsDefault } = query;
    if (minRevision === undefined || cache.revision >= minRevision) return cache.revision;
    const storeRevision = await etcd.revision();
    if (minRevision > storeRevision) throw unknownRevision(minRevision, storeRevision);
    await this.waitFor(minRevision, Math.min(timeout, minRevisionTimeoutMsMax));
    return cache.revision;
  }

  /** Brings the cache to the store's present revision, so that what it shows is no memory; answers the revision that it then has. */
  async upToPresent(): Promise<number> {
    await this.waitFor(await this.dependencies.etcd.revision(), minRevisionTimeoutMsDefault);
    return this.dependencies.cache.revision;
  }

  private async waitFor(revision: number, timeoutMs: number): Promise<void> {
    const { cache } = this.dependencies;
    if (await cache.waitForRevision(revision, timeoutMs)) return;
    const detail = `this server has seen everything up to revision ${cache.revision}, not yet ${revision}, after ${timeoutMs} ms`;
    throw new ApiProblem('projection_timeout', detail, { members: { revision: String(cache.revision) } });
  }
}

function unknownRevision(minRevision: number, storeRevision: number): ApiProblem {
  const problem = problemAt(['minRevision'], `a revision of at most ${storeRevision}`, String(minRevision));
  return new ApiProblem('revision_unknown', problem.message, { errors: [problem], members: { revision: String(storeRevision) } });
}
