/** Native ESM, TypeScript stripped by swc, workspace packages resolved to their sources. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { exportConditions: ['@holdfast/source', 'node', 'node-addons', 'import'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['<rootDir>/{libs,services,test,tools}/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.tools/'],
  modulePathIgnorePatterns: ['/dist/', '/.tools/'],
  testTimeout: 30_000,
};
