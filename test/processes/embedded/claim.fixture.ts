import { claimOwnership } from '../../../src/processes/embedded/owner-file';

/** Claims the file at a given moment and holds it. */
const [file = '', startAt = '0'] = process.argv.slice(2);
while (Date.now() < Number(startAt)); // All racers at once, to the millisecond.
console.log(claimOwnership(file) === undefined ? 'claimed' : 'refused');
setInterval(() => undefined, 1_000);
