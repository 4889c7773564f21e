const { default: Sequencer } = require('@jest/test-sequencer');

/** By far the longest, so that none of them is left alone at the end. */
const longest = ['change-stream', 'fault-matrix', 'planted-bugs', 'outages'];

/**
 * The tests of faults come last, the longest of them first: each keeps a whole stack of processes busy, and where time
 * runs out, all else has been tested.
 */
module.exports = class FaultsLast extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return sorted.map((test) => ({ test, rank: rankOf(test.path) })).sort((a, b) => a.rank - b.rank).map(({ test }) => test);
  }
};

function rankOf(path) {
  const [, name] = /\/test\/faults\/([^/]+)\.test\.ts$/.exec(path) ?? [];
  if (name === undefined) return 0;
  return longest.includes(name) ? 1 + longest.indexOf(name) : 1 + longest.length;
}
