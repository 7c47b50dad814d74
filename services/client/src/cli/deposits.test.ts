import { describe, expect, test } from '@jest/globals';
import { addressOfScript } from '@holdfast/bitcoin';
import { renderUnicodeCompact } from 'uqr';
import type { Account, ClientContext } from '../ports.ts';
import { type Deposit, describeDeposit, readDepositPlace } from './deposits.ts';

const ADDRESS = addressOfScript(`0014${'ab'.repeat(20)}`, 'regtest')!;
const TYPO = `${ADDRESS.slice(0, -1)}${ADDRESS.endsWith('q') ? 'p' : 'q'}`;
const CLIENT_ID = 'c1'.repeat(32);
const account: Account = {
  clientId: CLIENT_ID,
  availableMsat: '5000',
  heldMsat: '0',
  reservedMsat: '0',
  missingMsat: '0',
};
const agreement = (state: string, storedBytes: number) => ({
  agreementId: 'a'.repeat(32),
  state,
  storedBytes,
  priceSatPerTbMonth: '1000',
});

/** A mediator that gives that address; its other answers are the same every time. */
function contextWith(address: string): ClientContext {
  const answer = (data: unknown) =>
    Promise.resolve({ data, response: new Response(null, { status: 200 }), error: undefined });
  const mediatorApi = {
    POST: () => answer({ address, network: 'regtest', confirmations: 3, largeSats: '900', largeConfirmations: 6 }),
    GET: (path: string) =>
      answer(
        path === '/v1/deposits'
          ? { deposits: [], owedMsat: '700' }
          : { agreements: [agreement('active', 2e12), agreement('renewed', 1e12), agreement('grace', 1e12)] },
      ),
  };
  return {
    mediatorApi,
    mediator: { getAccount: () => Promise.resolve(account) },
    config: { network: 'regtest' },
  } as unknown as ClientContext;
}

describe('where to pay to', () => {
  test('address, link and what a month costs, counting no agreement twice', async () => {
    const place = await readDepositPlace(contextWith(ADDRESS), { sats: 150_000n, isNew: false });
    expect(place).toEqual({
      address: ADDRESS,
      link: `bitcoin:${ADDRESS}?amount=0.0015&label=Holdfast`,
      network: 'regtest',
      confirmations: 3,
      large: { sats: 900n, confirmations: 6 },
      monthlyCostMsat: 3_000_000n,
      money: { availableMsat: '5000', heldMsat: '0', reservedMsat: '0', missingMsat: '0' },
      owedMsat: 700n,
    });
  });

  test.each([
    ['address.wrong-network', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
    ['address.malformed', TYPO],
  ])('%s: an address that loses the money is not shown', async (code, address) => {
    await expect(readDepositPlace(contextWith(address), { isNew: false })).rejects.toMatchObject({ code });
  });

  test('the QR code of a link fits into a terminal of 80 columns', async () => {
    const { link } = await readDepositPlace(contextWith(ADDRESS), { sats: 2_099_999_999_999_999n, isNew: false });
    const lines = renderUnicodeCompact(link).split('\n');
    expect(lines.length).toBeGreaterThan(15);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

test.each([
  ['seen', '1 of 3 confirmations'],
  ['credited', 'credited'],
  ['reversed', 'taken back by the chain'],
  ['gone', 'gone before it was credited'],
] as const)('a deposit that is %s', (state, text) => {
  expect(describeDeposit({ state, confirmations: 1, requiredConfirmations: 3 } as Deposit)).toBe(text);
});
