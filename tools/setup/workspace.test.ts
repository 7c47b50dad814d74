import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isReady, setUpKey, systemNode, workspaceAt } from './workspace.mjs';

test.each([
  ['20.20.2', false],
  ['24.8.0', false],
  ['24.9.0', true],
  ['24.21.0', true],
  ['25.0.0', true],
  ['26.1.0', true],
])('Node %s runs the workspace: %p', (version, serves) => {
  const running = { execPath: '/usr/bin/node', versions: { node: version } };
  expect(systemNode(workspaceAt('/clone'), running)).toBe(serves ? '/usr/bin/node' : undefined);
});

test('the Node that was brought here is not taken for the machine’s own by what it runs', () => {
  const running = { execPath: '/clone/.tools/runtime-node-1/bin/node', versions: { node: '24.21.0' } };
  expect(systemNode(workspaceAt('/clone'), running)).toBeUndefined();
});

describe('whether the set-up is in place', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'holdfast set-up-'));
    for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) writeFileSync(join(root, name), 'a');
    for (const name of ['node_modules', '.tools/bin']) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'node_modules/.modules.yaml'), '');
    writeFileSync(join(root, '.tools/bin/node'), '');
    writeFileSync(join(root, '.tools/stamp'), setUpKey(workspaceAt(root)));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('it is when the stamp is the one of these lockfiles', () => {
    expect(isReady(workspaceAt(root))).toBe(true);
  });

  test.each(['pnpm-lock.yaml', 'pnpm-workspace.yaml'])('it is not when %s changed', (name) => {
    writeFileSync(join(root, name), 'b');
    expect(isReady(workspaceAt(root))).toBe(false);
  });

  test.each(['node_modules', '.tools/bin/node', '.tools/stamp'])('it is not when %s is gone', (name) => {
    rmSync(join(root, name), { recursive: true });
    expect(isReady(workspaceAt(root))).toBe(false);
  });
});
