/** Native ESM, TypeScript stripped by swc, workspace packages resolved to their sources. */
import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@holdfast/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2023',
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  testMatch: ['<rootDir>/{libs,services,test,tools}/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/[^/]+/([^/]+/)?dist/', '<rootDir>/\\.(tools|holdfast-demo)/'],
  // The demo restores copies of this repository below its own directory.
  modulePathIgnorePatterns: ['<rootDir>/[^/]+/([^/]+/)?dist/', '<rootDir>/\\.(tools|holdfast-demo)/'],
  testSequencer: '<rootDir>/tools/jest-sequencer.cjs',
  globalSetup: '<rootDir>/tools/jest-setup.mjs',
  globalTeardown: '<rootDir>/tools/jest-teardown.mjs',
  cacheDirectory: '<rootDir>/.tools/jest-cache',
  // One more than there are cores: many suites wait for processes, blocks and silence.
  maxWorkers: availableParallelism() + 1,
  // Modules of finished suites are never quite let go: a worker that has grown large is replaced.
  workerIdleMemoryLimit: '250MB',
  // For machines that do other things too; what hangs is still told in the end.
  testTimeout: 120_000,
};
