import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { activateDefinition } from '../../domain/definition-admission';
import { definitionSweepIntervalMs } from '../../domain/limits';
import { loggedCause } from '../../domain/trace-context';
import { putGuarded } from '../../stores/etcd/body-guard';
import { definitionStatusDecision, onlyIf } from '../../stores/etcd/decisions';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { artifactsOf } from '../artifacts/artifacts-of-org';
import type { Artifact } from '../artifacts/read-artifact';
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

  /** Stores the artifact of a definition and moves it to ACTIVE; answers it as it then is, whoever did it. */
  async activate(entries: DefinitionEntries, { text, facts }: Artifact): Promise<DefinitionEntries> {
    const { committer, fresh, cache, artifactBodies } = this.dependencies;
    const { cause } = entries.spec.value;
    const admission = { nowMs: Date.now(), mintedId: '', owner: entries.spec.value, cause };
    const status = admittedBy(activateDefinition({ spec: entries.spec.value, status: entries.status.value }, facts, admission));
    if (status === undefined) return entries;
    const { guard } = await putGuarded(cache, 'artifacts', artifactBodies, text);
    const outcome = await committer.commit(onlyIf(definitionStatusDecision(entries, status, cause), guard));
    if (outcome.kind !== 'done') return fresh.definition(entries.id);
    return { ...entries, status: { value: status, revision: outcome.revision } };
  }

  /** Activates what waits for it. One that cannot be activated is told of in the log and tried again. */
  async sweep(): Promise<void> {
    const waiting = this.dependencies.cached.definitions().filter(({ status }) => status.value.phase === 'PENDING_SYNC');
    for (const entries of waiting) {
      try {
        const body = await this.dependencies.definitionBodies.get(entries.spec.value.contentHash);
        const artifact = await syncArtifact(body, artifactsOf(entries.spec.value.org, this.dependencies.artifactsDirectory));
        if (!artifact) continue;
        await this.activate(entries, artifact);
      } catch (err) {
        this.dependencies.log.warn({ ...loggedCause(entries.spec.value.cause), err, definition: entries.id }, 'a definition still waits for its artifact');
      }
    }
  }
}
