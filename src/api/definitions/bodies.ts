import { Inject, Injectable } from '@nestjs/common';
import type { DefinitionBody } from '../../domain/definition';
import { definitionBodiesCachedMax } from '../../domain/limits';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

/** Bodies of definitions by hash. They never change, so the ones used last are kept in memory. */
@Injectable()
export class DefinitionBodiesInMemory {
  /** In the order of their last use: a Map remembers the order in which its keys came. */
  private readonly bodies = new Map<string, DefinitionBody>();

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  async get(contentHash: string): Promise<DefinitionBody> {
    const body = this.bodies.get(contentHash) ?? (await this.dependencies.definitionBodies.get(contentHash));
    this.remember(contentHash, body);
    return body;
  }

  /** Stores a body, before any commit names it; answers its hash. */
  async put(body: DefinitionBody): Promise<string> {
    const contentHash = await this.dependencies.definitionBodies.put(body);
    this.remember(contentHash, body);
    return contentHash;
  }

  private remember(contentHash: string, body: DefinitionBody): void {
    this.bodies.delete(contentHash);
    this.bodies.set(contentHash, body);
    const [oldest] = this.bodies.keys();
    if (this.bodies.size > definitionBodiesCachedMax && oldest !== undefined) this.bodies.delete(oldest);
  }
}
