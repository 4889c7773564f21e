import { join } from 'node:path';
import { defaultOrg } from '../../domain/header';

/** Where artifacts are read. */
export interface ArtifactPlace {
  readonly directory: string;
  /** What of the directory is not theirs who read here. */
  readonly except?: string;
}

/** Below the artifacts directory: a directory for each org but the first, named by its id. */
const orgsDirectory = 'orgs';

/**
 * Each org has its own artifacts: else whoever writes a definition would read, or find out by trying, what others have.
 * Those of the org `default` lie where they lay before there were other orgs.
 */
export function artifactsOf(org: string, artifactsDirectory: string): ArtifactPlace {
  const ofOthers = join(artifactsDirectory, orgsDirectory);
  return org === defaultOrg ? { directory: artifactsDirectory, except: ofOthers } : { directory: join(ofOthers, org) };
}
