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
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/[^/]+/([^/]+/)?dist/', '<rootDir>/\\.tools/'],
  modulePathIgnorePatterns: ['<rootDir>/[^/]+/([^/]+/)?dist/', '<rootDir>/\\.tools/'],
  cacheDirectory: '<rootDir>/.tools/jest-cache',
  maxWorkers: availableParallelism(),
  testTimeout: 30_000,
};
