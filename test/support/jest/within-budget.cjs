const { default: runTests } = require('jest-circus/runner');
const { createEmptyTestResult } = require('@jest/test-result');

/**
 * Runs a suite as jest does, but for those of faults that would begin after `BERTH_FAULTS_UNTIL` (seconds of the epoch):
 * a build on a machine that is several times slower than usual ends in time, and names what it has not run.
 */
module.exports = async (globalConfig, config, environment, runtime, path, ...others) => {
  const until = Number(process.env.BERTH_FAULTS_UNTIL ?? Infinity);
  if (!path.includes('/test/faults/') || Date.now() < until * 1_000) return runTests(globalConfig, config, environment, runtime, path, ...others);
  process.stderr.write(`NOT RUN: ${path.slice(config.rootDir.length + 1)}, for want of time; npm run faults plays it for as long as it takes\n`);
  return { ...createEmptyTestResult(), skipped: true, testFilePath: path, numPendingTests: 1, testResults: [notRun] };
};

/** Jest takes a suite without any test for a mistake. */
const notRun = {
  ancestorTitles: [],
  title: 'not run',
  fullName: 'not run',
  status: 'pending',
  duration: null,
  failureDetails: [],
  failureMessages: [],
  numPassingAsserts: 0,
};
