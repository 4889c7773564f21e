import type { Logger } from 'pino';
import type { MongoGranted } from '../stores/mongo/granted-rights';
import type { MongoIdentity } from '../stores/mongo/rights';
import { mongoNeeds, rightsBeyond } from '../stores/mongo/rights';
import { RightsMissingError } from './etcd-rights';

/** Says what MongoDB lets this process do beyond what it does; refuses to go on with less. */
export function checkMongoRights(granted: MongoGranted, identity: MongoIdentity, log: Logger): void {
  if (granted.kind === 'untold') return log.info('MongoDB does not say what this process may do: it asks nobody who they are, or has no roles; see docs/deployment.md');
  const { user, rights, elsewhere } = granted;
  const missing = rightsBeyond(mongoNeeds[identity], rights);
  if (missing.length > 0) throw new RightsMissingError('MongoDB', user, missing, `give it the role berth-${identity} of deploy/mongodb/roles.js`);
  for (const right of [...rightsBeyond(rights, mongoNeeds[identity]), ...elsewhere]) log.warn(`MongoDB lets user ${user} ${right}, which ${identity} never does; give it the role berth-${identity} of deploy/mongodb/roles.js alone`);
}
