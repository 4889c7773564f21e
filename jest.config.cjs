/**
 * Three projects: `unit` needs no server, `servers` gets etcd, MongoDB and Temporal from its global set-up, and
 * `time-skipping` starts a Temporal server whose clock can be turned, where that is installed.
 * A run that selects tests of `unit` only starts nothing.
 */
const { spawnSync } = require('node:child_process');

const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.(t|j)s$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  // Jest cannot require(esm) below Node 24.9, and NestJS 12 and jose 6 are published as ESM only.
  transformIgnorePatterns: ['/node_modules/(?!(?:@nestjs|jose)/)'],
};

/** What runs without servers, below test/; every other test may use them. */
const withoutServers = [
  '*.test.ts',
  'domain/**/*.test.ts',
  'drivers/**/*.test.ts',
  'agent/**/*.test.ts',
  'client/event-stream.test.ts',
  'examples/**/*.test.ts',
  'replay/**/*.test.ts',
  'processes/embedded/**/*.test.ts',
  'scripts/**/*.test.ts',
  'faults/checker.test.ts',
];

/** What needs the time-skipping test server, a Java program. */
const timeSkipping = 'timeskipping/**/*.test.ts';

/** What needs schemathesis, a Python program. */
const fuzzing = 'fuzz/**/*.test.ts';
const canFuzz = isInstalled('schemathesis');

const projects = [
  { ...shared, displayName: 'unit', testMatch: withoutServers.map((tests) => `<rootDir>/test/${tests}`) },
  {
    ...shared,
    displayName: 'servers',
    testMatch: ['<rootDir>/test/**/*.test.ts', ...[...withoutServers, timeSkipping, ...(canFuzz ? [] : [fuzzing])].map((tests) => `!**/test/${tests}`)],
    globalSetup: '<rootDir>/test/support/global-setup.ts',
    globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    testRunner: '<rootDir>/test/support/jest/within-budget.cjs',
  },
];

if (!canFuzz) {
  process.stderr.write(
    'NOT RUN: test/fuzz, for want of schemathesis; with Python 3.11 or newer, tools/schemathesis/install puts it in place\n',
  );
}

if (isInstalled('temporal-test-server')) {
  projects.push({ ...shared, displayName: 'time-skipping', testMatch: [`<rootDir>/test/${timeSkipping}`] });
} else {
  process.stderr.write(
    'NOT RUN: time-skipping (test/timeskipping), for want of the time-skipping Temporal server; ' +
      'with Java and Maven, tools/temporal-test-server/install puts it in place\n',
  );
}

/** Whether a tool of a language other than ours is there. */
function isInstalled(tool) {
  return spawnSync(`${__dirname}/tools/${tool}/installed`).status === 0;
}

module.exports = {
  maxWorkers: 2,
  // What suites leave behind adds up to gigabytes, which a worker then collects again and again instead of testing.
  workerIdleMemoryLimit: '1GB',
  // Real servers and processes on a busy machine take their time; every wait in a test has a bound of its own.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/support/jest/faults-last.cjs',
  projects,
};
