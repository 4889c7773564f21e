import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Which folders a folder of src/ must not import; the same arrows are held by test/architecture.test.ts. */
const forbidden = {
  domain: ['workflows', 'activities', 'leaders', 'engine', 'stores', 'drivers', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  workflows: ['leaders', 'engine', 'stores', 'drivers', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  activities: ['workflows', 'leaders', 'engine', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  leaders: ['workflows', 'engine', 'drivers', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  engine: ['leaders', 'drivers', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  stores: ['workflows', 'activities', 'leaders', 'engine', 'drivers', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  drivers: ['workflows', 'activities', 'leaders', 'engine', 'stores', 'agent', 'api', 'processes', 'client', 'cli', 'recovery'],
  client: ['workflows', 'activities', 'leaders', 'engine', 'stores', 'drivers', 'agent', 'api', 'processes', 'cli', 'recovery'],
  agent: ['workflows', 'activities', 'leaders', 'engine', 'stores', 'api', 'processes', 'cli', 'recovery'],
  api: ['workflows', 'activities', 'leaders', 'engine', 'drivers', 'agent', 'processes', 'client', 'cli', 'recovery'],
  cli: ['workflows', 'activities', 'leaders', 'engine', 'stores', 'drivers', 'agent', 'api'],
  recovery: ['workflows', 'activities', 'leaders', 'engine', 'drivers', 'agent', 'api', 'processes', 'client', 'cli'],
};

const zones = Object.entries(forbidden).map(([target, from]) => ({
  target: `./src/${target}`,
  from: from.map((folder) => `./src/${folder}`),
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.berth/', 'examples/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver': { node: { extensions: ['.ts', '.js'] } } },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'max-lines': ['error', { max: 400 }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/require-await': 'off',
      'no-console': 'error',
    },
  },
  {
    // One table of all bounds, which is looked things up in and not read.
    files: ['src/domain/limits.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    // Jest's matchers are typed as any.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    ...tseslint.configs.disableTypeChecked,
    rules: { ...tseslint.configs.disableTypeChecked.rules, '@typescript-eslint/no-require-imports': 'off' },
  },
);
