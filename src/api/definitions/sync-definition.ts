import { Inject, Injectable } from '@nestjs/common';
import semver from 'semver';
import type { DefinitionBody } from '../../domain/definition';
import { keys } from '../../stores/etcd/keys';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import type { ArtifactPlace } from '../artifacts/artifacts-of-org';
import { artifactsOf } from '../artifacts/artifacts-of-org';
import type { Artifact } from '../artifacts/read-artifact';
import { syncArtifact } from '../artifacts/sync-artifact';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { DefinitionActivation } from './activation';
import { writeDocument } from './write-document';

/**
 * Fetches the artifact of a definition version again. A version never changes, so another file is another version:
 * it is told of, with the document that would register it, and what there is stays as it is.
 */
@Injectable()
export class DefinitionSync {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(DefinitionActivation) private readonly activation: DefinitionActivation,
  ) {}

  async sync(id: string, context: RequestContext): Promise<Admitted<DefinitionEntries>> {
    const entries = await this.archive.definition(id);
    requireMatch(context, entries.spec);
    const { phase } = entries.status.value;
    if (phase === 'DELETED') throw new ApiProblem('invalid_transition', 'a definition that is deleted has no artifact to fetch', { members: { phase } });
    const body = await this.dependencies.definitionBodies.get(entries.spec.value.contentHash);
    return phase === 'PENDING_SYNC' ? this.firstSync(entries, body) : this.syncAgain(entries, body);
  }

  /** It waits for its artifact still: what the sweep would do. */
  private async firstSync(entries: DefinitionEntries, body: DefinitionBody): Promise<Admitted<DefinitionEntries>> {
    const artifact = await syncArtifact(body, this.placeOf(entries));
    if (!artifact) return asItIs(entries);
    const subject = await this.activation.activate(entries, artifact);
    return { subject, revision: subject.status.revision, replayed: false };
  }

  private async syncAgain(entries: DefinitionEntries, body: DefinitionBody): Promise<Admitted<DefinitionEntries>> {
    if (!body.artifact) return asItIs(entries);
    // Not the hash that the author gave: whether it is another file is what is asked.
    const { sha256: _pinned, ...reference } = body.artifact;
    const artifact = await syncArtifact({ ...body, artifact: reference }, this.placeOf(entries));
    if (!artifact || artifact.facts.sha256 === entries.status.value.artifact?.sha256) return asItIs(entries);
    throw await this.changed(entries, body, artifact);
  }

  private placeOf({ spec }: DefinitionEntries): ArtifactPlace {
    return artifactsOf(spec.value.org, this.dependencies.artifactsDirectory);
  }

  private async changed({ spec, status }: DefinitionEntries, body: DefinitionBody, { facts }: Artifact): Promise<ApiProblem> {
    const { org } = spec.value;
    const known = status.value.artifact?.sha256;
    const version = await this.nextVersion(org, body);
    const proposal = writeDocument({ ...body, version, ...(body.artifact && { artifact: { ...body.artifact, sha256: facts.sha256 } }) });
    const detail = `${body.artifact?.uri} has the SHA-256 ${facts.sha256} by now, ${body.name} ${body.version} was made with ${known}; register ${version} to use it`;
    return new ApiProblem('artifact_changed', detail, { members: { knownSha256: known, foundSha256: facts.sha256, proposal } });
  }

  /** The next patch version that nobody has registered; those of deleted versions are never given again. */
  private async nextVersion(org: string, { name, version }: DefinitionBody): Promise<string> {
    await this.reads.upToPresent();
    let next = version;
    do next = semver.inc(next, 'patch') ?? next;
    while (this.dependencies.cache.get(keys.definitionName(org, name, next)) !== undefined);
    return next;
  }
}

function asItIs(subject: DefinitionEntries): Admitted<DefinitionEntries> {
  return { subject, revision: undefined, replayed: false };
}
