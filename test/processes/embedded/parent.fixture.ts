import { startChild } from '../../../src/processes/embedded/child';
import { print } from './support';

/** Starts a child and, on SIGTERM, ends without stopping it. */
process.once('SIGTERM', () => process.exit(1));
void startChild({
  name: 'child',
  command: process.execPath,
  args: ['-e', 'setInterval(() => {}, 1000)'],
  env: process.env,
  directory: process.argv[2] ?? '',
  report: print,
}).then((child) => print(`child ${child.pid}`));
setInterval(() => undefined, 1_000);
