/** Who may import whom: entry points → domains → libs. `npm run check -- layers` holds the tree to it. */
const TEST_CODE = '\\.test\\.ts$|\\.contract\\.ts$|(^|/)test-[^/]+\\.ts$';
const ENTRY = '^services/[^/]+/src/(main[^/]*|compose[^/]*)\\.ts$';

/**
 * The built-in modules that a pure library may use: they compute, they do not touch the outside.
 * @param {string} name
 * @param {string[]} allowed
 * @param {string} [edge] the files that face a person or a disk all the same
 * @returns {import('dependency-cruiser').IForbiddenRuleType}
 */
const pureLibrary = (name, allowed, edge) => ({
  name: `${name}-is-pure`,
  comment: `libs/${name} does no I/O and reads no clock: of Node's modules it may import only ${allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^libs/${name}/src/`, pathNot: edge === undefined ? TEST_CODE : `${TEST_CODE}|${edge}` },
  to: { dependencyTypes: ['core'], pathNot: `^(node:)?(${allowed.join('|')})$` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or hide a third one.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    pureLibrary('protocol', ['crypto']),
    pureLibrary('codec', ['crypto', 'zlib']),
    pureLibrary('bitcoin', ['crypto']),
    pureLibrary('keys', ['crypto'], '/(passphrase|ask-secret)\\.ts$'),
    {
      name: 'libs-know-no-services',
      comment: 'A library serves every service; what knows one of them belongs to that service or to test/.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|test|tools)/' },
    },
    {
      name: 'services-never-meet',
      comment: 'Services talk over HTTP; what two of them must agree on lives in libs/protocol.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'adapters-come-second',
      comment: 'A domain declares its ports; only compose.ts and main*.ts know which adapter stands behind one.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/', pathNot: `${ENTRY}|/adapters/|${TEST_CODE}` },
      to: { path: '^services/[^/]+/src/adapters/' },
    },
    {
      name: 'entry-points-are-on-top',
      comment: 'compose.ts and main*.ts wire everything, so nothing below may import them.',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: `${ENTRY}|^services/[^/]+/src/index\\.ts$|${TEST_CODE}` },
      to: { path: ENTRY },
    },
    {
      name: 'nothing-imports-test',
      comment: 'Journeys, benchmarks and the demo stand on the product, not under it.',
      severity: 'error',
      from: { path: '^(libs|services|tools)/' },
      to: { path: '^test/' },
    },
    {
      name: 'product-knows-no-test-code',
      comment: 'Tests and the testkit are not shipped.',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: `${TEST_CODE}|^libs/testkit/` },
      to: { path: `${TEST_CODE}|^libs/testkit/` },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'A package imports what its own package.json declares, nothing that happens to lie in node_modules.',
      severity: 'error',
      from: { path: '^(libs|services|test)/', pathNot: TEST_CODE },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-development-dependencies-in-the-product',
      comment: 'What runs in production must be in `dependencies`.',
      severity: 'error',
      from: { path: '^(libs|services)/[^/]+/src/', pathNot: `${TEST_CODE}|^libs/testkit/` },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer', 'npm-optional'] },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/dist/|libs/codec/wasm/.*\\.ts$' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@holdfast/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json', '.node'],
    },
    tsConfig: { fileName: 'tsconfig.base.json' },
  },
};
