import { findBinary } from '../../../src/processes/embedded/binaries';
import type { BinaryName } from '../../../src/processes/embedded/pinned';

/** Finds or builds the binary of that name. */
void findBinary(process.argv[2] as BinaryName, { report: console.log }).then((path) => console.log('found', path));
