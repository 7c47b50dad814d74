import { describe, expect, test } from '@jest/globals';
import { checkLiteralAddress, isAllowedIp, parseHostPort, subnetOf } from './addresses.ts';

describe('which addresses a node may have', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['2606:4700:4700::1111', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['::ffff:808:808', 'public'],
    ['127.0.0.1', 'local'],
    ['127.8.9.1', 'local'],
    ['10.0.0.1', 'local'],
    ['172.16.0.1', 'local'],
    ['172.31.255.255', 'local'],
    ['192.168.1.1', 'local'],
    ['100.64.0.1', 'local'],
    ['169.254.169.254', 'local'],
    ['::1', 'local'],
    ['fd00::1', 'local'],
    ['fe80::1', 'local'],
    ['fe80::1%eth0', 'local'],
    ['::ffff:127.0.0.1', 'local'],
    ['::ffff:7f00:1', 'local'],
    ['0:0:0:0:0:ffff:7f00:0001', 'local'],
    ['172.32.0.1', 'public'],
    ['0.0.0.0', 'nowhere'],
    ['::', 'nowhere'],
    ['224.0.0.1', 'nowhere'],
    ['255.255.255.255', 'nowhere'],
    ['192.0.2.1', 'nowhere'],
    ['198.18.0.1', 'nowhere'],
    ['2001:db8::1', 'nowhere'],
    ['2002:7f00:1::', 'nowhere'],
    ['64:ff9b::7f00:1', 'nowhere'],
    ['ff02::1', 'nowhere'],
    ['not an address', 'nowhere'],
    ['1.2.3', 'nowhere'],
  ])('%s: %s', (ip, where) => {
    expect([isAllowedIp(ip, 'public'), isAllowedIp(ip, 'local')]).toEqual([where === 'public', where === 'local']);
  });

  test('an IP address is checked at registration, a name when it is resolved', () => {
    const refused = expect.objectContaining({ code: 'node.public-address' }) as unknown;
    expect(() => checkLiteralAddress('127.0.0.1:7800', 'public')).toThrow(refused);
    expect(() => checkLiteralAddress('[::1]:7800', 'public')).toThrow(refused);
    expect(() => checkLiteralAddress('8.8.8.8:7800', 'local')).toThrow(refused);
    checkLiteralAddress('node1:7800', 'local');
    checkLiteralAddress('node.example.org:7800', 'public');
  });
});

test.each([
  ['host:1', { host: 'host', port: 1 }],
  ['a.b-c_d.example:65535', { host: 'a.b-c_d.example', port: 65_535 }],
  ['[2001:db8::1]:80', { host: '2001:db8::1', port: 80 }],
])('%s is an address', (address, parts) => {
  expect(parseHostPort(address)).toEqual(parts);
});

test.each([
  '',
  'host',
  'host:',
  ':1',
  'host:0',
  'host:65536',
  'host:1x',
  'a b:1',
  'http://a:1',
  '::1:80',
  '[zz]:1',
  '[1.2.3.4]:1',
  'a/b:1',
  'user@host:1',
  '-a:1',
])('"%s" is none', (address) => {
  expect(() => parseHostPort(address)).toThrow(expect.objectContaining({ code: 'node.bad-registration' }));
});

test.each([
  ['1.2.3.4', '1.2.3.0/24'],
  ['::ffff:1.2.3.4', '1.2.3.0/24'],
  ['::ffff:102:304', '1.2.3.0/24'],
  ['2606:4700:4700::1111', '2606:4700:4700::/48'],
  ['2606:4700:4700:0:1::', '2606:4700:4700::/48'],
  ['2606::1', '2606:0:0::/48'],
])('%s counts for the network %s', (ip, subnet) => {
  expect(subnetOf(ip)).toBe(subnet);
});
