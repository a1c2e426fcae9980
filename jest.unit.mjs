import { preset } from './jest.preset.mjs';

// Tight tables and properties on pure code: no server, no clock, seconds.
export default {
  ...preset,
  testMatch: ['**/src/**/*.spec.ts', '**/tools/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.int\\.spec\\.ts$'],
};
