import { preset } from './jest.preset.mjs';

// Broad happy paths and faults on real Postgres and both queue back ends.
export default {
  ...preset,
  testMatch: ['**/src/**/*.int.spec.ts', '**/test/**/*.e2e.ts'],
  globalSetup: '<rootDir>/libs/testing/global-setup.mjs',
  globalTeardown: '<rootDir>/libs/testing/global-teardown.mjs',
  testTimeout: 60_000,
  maxWorkers: 2,
};
