import { expect, test } from '@jest/globals';
import { toBitcoinSettings } from './rail-config.ts';

const config = { bitcoinRpcUrl: null, bitcoinCookieFile: null, fallbackFeeRateSatPerVb: 5 };
const NODE = 'http://127.0.0.1:8332';

test('without a node there are no settings of one', () => {
  expect(toBitcoinSettings(config)).toBeUndefined();
});

test('user and password come from the URL or from a cookie', () => {
  const named = 'http://user:password@127.0.0.1:8332';
  expect(toBitcoinSettings({ ...config, bitcoinRpcUrl: named })).toEqual({ rpcUrl: named, fallbackSatPerKvb: 5_000n });
  expect(toBitcoinSettings({ ...config, bitcoinRpcUrl: NODE, bitcoinCookieFile: '/c' })).toEqual({
    rpcUrl: NODE,
    cookieFile: '/c',
    fallbackSatPerKvb: 5_000n,
  });
});

test.each([
  ['a cookie without a node', { bitcoinCookieFile: '/c' }, /BITCOIN_RPC_URL is not/],
  ['neither user nor cookie', { bitcoinRpcUrl: NODE }, /no user and password/],
  ['both', { bitcoinRpcUrl: 'http://user:password@node', bitcoinCookieFile: '/c' }, /leave one of them out/],
])('%s is refused, and no password stands in the message', (_, given, message) => {
  const start = () => toBitcoinSettings({ ...config, ...given });
  expect(start).toThrow(message);
  expect(start).not.toThrow(/user:password/);
});
