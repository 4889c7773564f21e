/**
 * Two projects: `unit` needs no server, `servers` gets etcd, MongoDB and Temporal from its global set-up.
 * A run that selects tests of `unit` only starts nothing.
 */
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
  // Jest cannot require(esm) below Node 24.9, and NestJS 12 is published as ESM only.
  transformIgnorePatterns: ['/node_modules/(?!@nestjs/)'],
};

/** What runs without servers, below test/; every other test may use them. */
const withoutServers = [
  '*.test.ts',
  'domain/**/*.test.ts',
  'drivers/**/*.test.ts',
  'agent/**/*.test.ts',
  'examples/**/*.test.ts',
  'replay/**/*.test.ts',
  'processes/embedded/**/*.test.ts',
  'scripts/**/*.test.ts',
];

module.exports = {
  maxWorkers: 2,
  // Real servers and processes on a busy machine take their time; every wait in a test has a bound of its own.
  testTimeout: 30_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: withoutServers.map((tests) => `<rootDir>/test/${tests}`) },
    {
      ...shared,
      displayName: 'servers',
      testMatch: ['<rootDir>/test/**/*.test.ts', ...withoutServers.map((tests) => `!**/test/${tests}`)],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
};
