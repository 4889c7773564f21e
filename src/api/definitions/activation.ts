import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { activateDefinition } from '../../domain/definition-admission';
import type { ArtifactFacts } from '../../domain/definition';
import { definitionSweepIntervalMs } from '../../domain/limits';
import { definitionStatusDecision } from '../../stores/etcd/decisions';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { syncArtifact } from '../artifacts/sync-artifact';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { admittedBy } from '../http/admission';

/**
 * Makes definitions with an artifact ACTIVE once it was fetched. A definition whose server died between its two
 * commits is found by a sweep; any replica may do it, and whoever is second finds it done.
 */
@Injectable()
export class DefinitionActivation implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
  ) {}

  onModuleInit(): void {
    void this.sweep();
    this.timer = setInterval(() => void this.sweep(), definitionSweepIntervalMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Moves a definition to ACTIVE; answers it as it then is, whoever did it. */
  async activate(entries: DefinitionEntries, facts: ArtifactFacts): Promise<DefinitionEntries> {
    const { committer, fresh } = this.dependencies;
    const { cause } = entries.spec.value;
    const admission = { nowMs: Date.now(), mintedId: '', cause };
    const status = admittedBy(activateDefinition({ spec: entries.spec.value, status: entries.status.value }, facts, admission));
    if (status === undefined) return entries;
    const outcome = await committer.commit(definitionStatusDecision(entries, status, cause));
    if (outcome.kind !== 'done') return fresh.definition(entries.id);
    return { ...entries, status: { value: status, revision: outcome.revision } };
  }

  /** Activates what waits for it. One that cannot be activated is told of in the log and tried again. */
  async sweep(): Promise<void> {
    const waiting = this.dependencies.cached.definitions().filter(({ status }) => status.value.phase === 'PENDING_SYNC');
    for (const entries of waiting) {
      try {
        const body = await this.dependencies.definitionBodies.get(entries.spec.value.contentHash);
        const artifact = await syncArtifact(body, this.dependencies.artifactsDirectory);
        if (!artifact) continue;
        await this.dependencies.artifactBodies.put(artifact.text);
        await this.activate(entries, artifact.facts);
      } catch (err) {
        this.dependencies.log.warn({ err, definition: entries.id }, 'a definition still waits for its artifact');
      }
    }
  }
}
