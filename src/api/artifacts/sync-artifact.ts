import type { DefinitionBody } from '../../domain/definition';
import { findExcesses, findUnknownReferences } from '../../domain/definition-references';
import { requestedPorts } from '../../domain/definition-requests';
import { InvalidDocument } from '../documents/invalid-document';
import type { ArtifactPlace } from './artifacts-of-org';
import { ArtifactError } from './artifact-error';
import type { Artifact } from './read-artifact';
import { readArtifact } from './read-artifact';

/**
 * What makes a definition with an artifact ready for use: the artifact is read, and now that all its ports are known,
 * every port and placeholder that definition or artifact use is looked up. Undefined for a definition without one.
 */
export async function syncArtifact(body: DefinitionBody, place: ArtifactPlace): Promise<Artifact | undefined> {
  if (body.artifact === undefined) return undefined;
  const artifact = await readArtifact(body.artifact, place);
  const ports = requestedPorts(body, artifact.facts);
  const problems = [...findUnknownReferences(body, ports, artifact.text), ...findExcesses(body, ports, artifact.text)];
  if (problems.length === 0) return artifact;
  const cause = new InvalidDocument(problems);
  const message = `${body.artifact.uri} does not fit its definition: ${cause.message}`;
  throw new ArtifactError('artifact_invalid', message, { cause });
}
