/** Whoever signs: the seed file is private or refused, a command is held to time, size and the same transaction. */
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createHotWallet, planPayout } from '@holdfast/bitcoin';
import type { HoldfastError } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { signTransaction } from '../../payouts/sign-transaction.ts';
import { createSignerCommand, openHotWallet, openSeedFile } from './index.ts';

const SECRET = '5a'.repeat(32);
const wallet = createHotWallet(new Uint8Array(32).fill(0x5a), 'regtest');
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-signers-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const failureOf = async (work: Promise<unknown>): Promise<HoldfastError> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as HoldfastError,
  );
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
const planned = () => {
  const plan = planPayout({
    coins: [
      {
        txid: 'ab'.repeat(32),
        vout: 1,
        sats: 100_000n,
        script: wallet.addressAt('p2wpkh', 'receive', 0).script,
        confirmations: 6,
      },
    ],
    payees: [{ id: 'one', script: wallet.addressAt('p2tr', 'receive', 5).script, sats: 60_000n }],
    satPerKvb: 2_000n,
    changeScript: wallet.addressAt('p2wpkh', 'change', 0).script,
  });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
};

describe('the seed file', () => {
  test('makes the wallet, which shows nothing of it', async () => {
    const path = file('good', `${SECRET}\n`);
    const opened = await openHotWallet({ seedFile: path }, 'regtest');
    expect(opened.wallet.publicDescriptors).toEqual(wallet.publicDescriptors);
    expect(inspect(opened, { depth: 10 }) + JSON.stringify(opened)).not.toContain(SECRET);
    const { signed } = await signTransaction(opened, planned(), 20);
    expect(signed).toMatch(/^[0-9a-f]+$/);
  });

  test.each([
    ['read by the group', 0o640],
    ['read by all', 0o604],
    ['written by the group', 0o620],
  ])('%s is refused', async (name, mode) => {
    expect(await failureOf(openSeedFile(file(name, SECRET, mode), 'regtest'))).toMatchObject({
      code: 'payout.bad-seed-file',
    });
  });

  test.each(['', 'abc', `${SECRET}00`, `${SECRET} ${SECRET}`, 'x'.repeat(64), 'a'.repeat(2_000)])(
    'that holds something else is refused, and not shown (%#)',
    async (text) => {
      const failure = await failureOf(openSeedFile(file('bad', text), 'regtest'));
      expect(failure.code).toBe('payout.bad-seed-file');
      if (text.length > 3) expect(failure.message).not.toContain(text.slice(0, 8));
    },
  );

  test('a link or nothing is refused', async () => {
    symlinkSync(file('behind', SECRET), join(directory, 'link'));
    for (const name of ['link', 'missing', '.']) {
      const failure = await failureOf(openSeedFile(join(directory, name), 'regtest'));
      expect(failure.code).toBe('payout.bad-seed-file');
    }
  });
});

describe('a command', () => {
  const signWith = (command: string, timeoutMs?: number) => {
    const signer = createSignerCommand({ command, ...(timeoutMs !== undefined && { timeoutMs }) });
    return signTransaction({ wallet, signer }, planned(), 20);
  };

  test('that signs', async () => {
    const transaction = planned();
    const answer = wallet.sign(wallet.describe(transaction.psbt, 20), 20);
    const path = file('answer', answer);
    expect((await signWith(`cat > /dev/null; cat ${path}`)).txid).toBe(transaction.txid);
  });

  test.each([
    ['fails', 'echo no device >&2; exit 3', 'payout.signer-failed', 'no device'],
    ['is not there', 'no-such-command-anywhere', 'payout.signer-failed', '127'],
    ['says nothing', 'cat > /dev/null', 'payout.signer-failed', 'base64'],
    ['answers something else', 'cat > /dev/null; echo hello world', 'payout.signer-failed', 'base64'],
    ['gives it back unsigned', 'cat', 'transaction.not-signed', ''],
    ['answers without end', 'yes aaaaaaaa', 'payout.signer-failed', 'too much'],
  ])('that %s is told so', async (_, command, code, text) => {
    const failure = await failureOf(signWith(command));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(text);
  });

  test('gets what a program needs of our environment, and none of our settings', async () => {
    const set = { DATABASE_URL: 'postgres://with-a-password', BITCOIN_RPC_URL: 'http://too', SIGNER_DEVICE: 'ledger' };
    Object.assign(process.env, set);
    try {
      const { message } = await failureOf(
        signWith('env | cut -d= -f1 | grep -E "^(PATH|SIGNER|DATABASE|BITCOIN|HOLDFAST)" | xargs >&2; exit 1'),
      );
      for (const name of ['PATH', 'SIGNER_DEVICE']) expect(message).toContain(name);
      for (const name of ['DATABASE_URL', 'BITCOIN_RPC_URL', 'HOLDFAST_']) expect(message).not.toContain(name);
    } finally {
      for (const name of Object.keys(set)) delete process.env[name];
    }
  });

  test('that hangs is ended, with what it started', async () => {
    const failure = await failureOf(signWith('sleep 600 & sleep 600', 200));
    expect(failure.message).toContain('longer than 200 ms');
  });

  test('that signs another transaction is not believed', async () => {
    const other = planPayout({
      coins: [
        {
          txid: 'cd'.repeat(32),
          vout: 0,
          sats: 100_000n,
          script: wallet.addressAt('p2wpkh', 'receive', 0).script,
          confirmations: 6,
        },
      ],
      payees: [{ id: 'thief', script: wallet.addressAt('p2wpkh', 'receive', 9).script, sats: 90_000n }],
      satPerKvb: 2_000n,
      changeScript: wallet.addressAt('p2wpkh', 'change', 0).script,
    });
    if (other.outcome !== 'planned') throw new Error(other.outcome);
    const path = file('other', wallet.sign(other.transaction.psbt, 20));
    expect((await failureOf(signWith(`cat > /dev/null; cat ${path}`))).code).toBe('transaction.altered');
  });
});
