import { describe, expect, test } from '@jest/globals';
import { explainFailure, refuseHost } from './explain.mjs';

describe('what went wrong with a set-up, in a sentence', () => {
  test.each([
    ['npm error code EAI_AGAIN\nnpm error syscall getaddrinfo', 'could not be reached'],
    ['error sending request: client error (Connect): tcp connect error: Connection refused', 'could not be reached'],
    ['npm error code SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
    ['npm error code ENOSPC\nnpm error network timed out', 'disk is full'],
    ['ERR_PNPM_OUTDATED_LOCKFILE Cannot install with "frozen-lockfile"', 'do not agree'],
    ['npm error code E404', 'does not have a package'],
    ['npm error code EINTEGRITY', 'checksum differs'],
    ['Error: EROFS: read-only file system, mkdir', 'read-only'],
    ['Error: EACCES: permission denied, mkdir', 'cannot be written to by this user'],
    ['something nobody foresaw', 'not known here'],
  ])('%s', (output, sentence) => {
    expect(explainFailure(output)).toContain(sentence);
  });
});

describe('hosts', () => {
  test.each(['linux', 'darwin'])('%s is served on both architectures', (platform) => {
    expect(refuseHost({ platform, arch: 'x64', isMusl: false })).toBeUndefined();
    expect(refuseHost({ platform, arch: 'arm64', isMusl: false })).toBeUndefined();
  });

  test('others are told what is served, and what they are', () => {
    expect(refuseHost({ platform: 'win32', arch: 'x64', isMusl: false })).toMatch(/win32-x64.*WSL/);
    expect(refuseHost({ platform: 'linux', arch: 'x64', isMusl: true })).toContain('musl');
    expect(refuseHost({ platform: 'linux', arch: 'riscv64', isMusl: false })).toContain('riscv64');
  });
});
