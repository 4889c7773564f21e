import { claimOwnership } from '../../../src/processes/embedded/owner-file';
import { print } from './support';

/** Claims the file at a given moment and holds it. */
const [file = '', startAt = '0'] = process.argv.slice(2);
while (Date.now() < Number(startAt)); // All racers at once, to the millisecond.
print(claimOwnership(file) === undefined ? 'claimed' : 'refused');
setInterval(() => undefined, 1_000);
