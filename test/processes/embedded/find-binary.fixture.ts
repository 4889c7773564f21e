import { findBinary } from '../../../src/processes/embedded/binaries';
import type { BinaryName } from '../../../src/processes/embedded/pinned';
import { print } from './support';

/** Finds or builds the binary of that name. */
void findBinary(process.argv[2] as BinaryName, { report: print }).then((path) => print(`found ${path}`));
