import { expect, test } from '@jest/globals';
import { readConfig } from '@holdfast/platform';
import { mediatorConfig, toOptions } from './config.ts';

const read = (env: Record<string, string>) => toOptions(readConfig(mediatorConfig, { HOME: '/home/somebody', ...env }));

test('each brake on payouts arrives under its own name', () => {
  const { payouts } = read({
    HOLDFAST_PAYOUT_LIMIT_SATS_PER_HOUR: '1001',
    HOLDFAST_PAYOUT_LIMIT_SATS_PER_DAY: '2002',
    HOLDFAST_PAYOUT_APPROVAL_SATS: '303',
    HOLDFAST_MAX_FEE_RATE_SAT_PER_VB: '44',
    HOLDFAST_PAYOUT_ADDRESS_DELAY: '5h',
  });
  expect(payouts).toEqual({
    rules: {
      hourlyLimitSats: 1_001n,
      dailyLimitSats: 2_002n,
      approvalSats: 303n,
      maxSatPerKvb: 44_000n,
      addressDelayMs: 5 * 3_600_000,
    },
  });
});

test('not set, there is no wallet and no limit, and a change of an address takes three days', () => {
  expect(read({}).payouts).toEqual({ rules: { maxSatPerKvb: 200_000n, addressDelayMs: 72 * 3_600_000 } });
});

test('a seed file or a signer, with what it needs', () => {
  expect(read({ HOLDFAST_HOT_WALLET_SEED_FILE: '/seed' }).payouts!.hotWallet).toEqual({ seedFile: '/seed' });
  const signer = { HOLDFAST_SIGNER_COMMAND: 'sign', HOLDFAST_HOT_WALLET_DESCRIPTORS: 'one,two' };
  const descriptors = ['one', 'two'];
  expect(read(signer).payouts!.hotWallet).toEqual({ signerCommand: 'sign', signerTimeoutMs: 60_000, descriptors });
  expect(read({ ...signer, HOLDFAST_SIGNER_TIMEOUT: '10m' }).payouts!.hotWallet).toMatchObject({
    signerTimeoutMs: 600_000,
  });
  expect(() => read({ HOLDFAST_SIGNER_COMMAND: 'sign' })).toThrow('HOLDFAST_HOT_WALLET_DESCRIPTORS');
  expect(() => read({ ...signer, HOLDFAST_HOT_WALLET_SEED_FILE: '/seed' })).toThrow('one of them signs');
});

test('deposits: how deep, more for large ones, never less', () => {
  const key = { HOLDFAST_DEPOSIT_XPUB: 'a key' };
  expect(read(key).deposits).toEqual({ key: 'a key', rules: { confirmations: 3 } });
  const large = { ...key, HOLDFAST_LARGE_DEPOSIT_SATS: '5000', HOLDFAST_DEPOSIT_FIRST_INDEX: '7' };
  expect(read(large).deposits).toEqual({
    key: 'a key',
    rules: { confirmations: 3, large: { sats: 5_000n, confirmations: 6 } },
    firstIndex: 7,
  });
  expect(() => read({ ...large, HOLDFAST_DEPOSIT_CONFIRMATIONS: '7' })).toThrow('HOLDFAST_LARGE_DEPOSIT_CONFIRMATIONS');
});

test.each([
  'HOLDFAST_PAYOUT_LIMIT_SAT_PER_DAY',
  'HOLDFAST_PAYOUT_APPROVAL_SAT',
  'HOLDFAST_MAX_FEE_RATE',
  'HOLDFAST_FALLBACK_FEE_RATE',
  'HOLDFAST_HOT_WALLET_SEED',
  'HOLDFAST_SIGNER_COMAND',
  'HOLDFAST_DEPOSIT_CONFIRMATION',
  'HOLDFAST_LARGE_DEPOSIT_SAT',
])('%s, misspelt, stops the start instead of being no brake at all', (name) => {
  expect(() => read({ [name]: '1' })).toThrow(`${name} is not a setting of this program`);
});
