/** For tests: a ledger with nodes that have earned something, and payouts over a chain that the test drives. */
import { addressOfScript, finishTransaction, parseAddress, planPayout, readTransaction } from '@holdfast/bitcoin';
import { createSimulatedClock } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import { type Database, inTransaction } from '../adapters/postgres/database.ts';
import { lockAvailable, mediatorAccount, post } from '../adapters/postgres/ledger.ts';
import { createPayoutAddressStore } from '../adapters/postgres/payout-addresses.ts';
import { createWithdrawalStore } from '../adapters/postgres/withdrawals.ts';
import { LOOKAHEAD, type PayoutOptions, type PayoutRules, runPayouts } from '../payouts/index.ts';
import type { PaymentRail } from '../rail/index.ts';
import type { TestChain } from './test-chain.ts';
import { at, FIRST, openTestLedger, type TestMoneyNode } from './test-ledger.ts';
import { freshId } from './test-mediator.ts';
import { payoutsOver, testWallet } from './test-payout-options.ts';

const HOUR_MS = 3_600_000;

export interface TestPayouts extends Awaited<ReturnType<typeof openTestPayouts>> {}

export async function openTestPayouts(
  chain: TestChain,
  { seed = 1, rules = {} }: { seed?: number; rules?: Partial<PayoutRules> } = {},
) {
  const ledger = await openTestLedger();
  const { database } = ledger;
  const clock = createSimulatedClock(at(FIRST));
  const fee = { satPerKvb: 2_000n };
  const rail: PaymentRail = { ...chain.rail, feeRate: async () => ({ satPerKvb: fee.satPerKvb, source: 'node' }) };
  const options = payoutsOver(database, rail, { seed, rules, clock });
  const { store, wallet } = options;
  const addresses = createPayoutAddressStore(database);
  const withdrawals = createWithdrawalStore(database);
  const setAddress = async (node: TestMoneyNode, address: string, sequence = 1) =>
    addresses.setAddress(
      { nodeId: node.nodeId, sequence, address, script: parseAddress(address, 'regtest').script, token: freshId() },
      72 * HOUR_MS,
      clock.nowMs(),
    );
  return {
    ...ledger,
    chain,
    seed,
    clock,
    fee,
    options,
    store,
    wallet,
    addresses,
    withdrawals,
    setAddress,
    /** One round of the work. */
    run: (changes: Partial<PayoutOptions> = {}) => runPayouts({ ...options, ...changes }),
    nextPeriod: () => clock.advance(HOUR_MS),
    /** Confirmed money for the hot wallet, each in an output of its own. */
    async fund(...amounts: bigint[]) {
      await options.rail.watch('payouts', { descriptors: wallet.publicDescriptors, lastIndex: LOOKAHEAD });
      const { address } = wallet.addressAt('p2wpkh', 'receive', 0);
      for (const sats of amounts) await chain.pay(address, sats);
      await chain.mine(6);
    },
    /** In the last block, so that it goes with the first reorganisation. */
    async fundNow(sats: bigint) {
      const outpoint = await chain.pay(wallet.addressAt('p2wpkh', 'receive', 0).address, sats);
      await chain.mine();
      return outpoint;
    },
    pause: () => store.pause({ pausedBy: 'admin', reason: 'a test', pausedAtMs: clock.nowMs() }),
    resume: () => store.resume('admin'),
    /** A node that has earned so much, with an address of its own. */
    async earner(sats: bigint) {
      const node = await ledger.node(1_000n);
      const address = await chain.outsideAddress();
      await setAddress(node, address);
      await earn(database, { node, sats });
      return { ...node, address };
    },
    /** Many of them. */
    async earners(count: number, satsOf: (index: number) => bigint) {
      const nodes = await Promise.all(Array.from({ length: count }, () => ledger.node(1_000n)));
      const address = async (node: TestMoneyNode) => setAddress(node, await chain.outsideAddress());
      await Promise.all(nodes.map(address));
      await earn(database, ...nodes.map((node, index) => ({ node, sats: satsOf(index) })));
    },
    earn: (node: TestMoneyNode, sats: bigint) => earn(database, { node, sats }),
    client: async (sats: bigint) => {
      const clientId = freshId();
      await ledger.credit(clientId, sats * 1_000n);
      return clientId;
    },
    async withdraw(clientId: string, sats: bigint | 'all', sequence = 1) {
      const address = await chain.outsideAddress();
      const { script } = parseAddress(address, 'regtest');
      const wanted = { clientId, sequence, address, script, amountSats: sats, token: 'a token', leastSats: 295n };
      return withdrawals.request({ withdrawalId: freshId(), ...wanted }, clock.nowMs());
    },
    /** Every way in which ledger and payouts could be wrong. */
    async faults() {
      const { rows } = await database.execute<{ rule: string; subject: string; detail: string }>(sql`
        SELECT * FROM ledger_faults() UNION ALL SELECT * FROM payout_faults() UNION ALL SELECT * FROM deposit_faults()`);
      return rows.map(({ rule, subject, detail }) => `${rule}: ${subject} ${detail}`);
    },
    batches: async () => (await store.listBatches({ limit: 100 })).toReversed(),
    /** What the chain has at an address: asked of the chain, not of the mediator. */
    async received(address: string): Promise<bigint> {
      let sum = 0n;
      for (const output of await confirmedOutputs(chain, store)) if (output.address === address) sum += output.sats;
      return sum;
    },
  };
}

/** Outputs of all transactions that were ever signed and that the chain has in a block. */
async function confirmedOutputs(chain: TestChain, store: PayoutOptions['store']) {
  const found = [];
  for (const { batchId } of await store.listBatches({ limit: 1_000 })) {
    const detail = await store.findBatch(batchId);
    for (const { txid, signed } of detail!.transactions) {
      if (((await chain.rail.transaction(txid))?.confirmations ?? 0) === 0) continue;
      for (const { sats, script } of readTransaction(signed).outputs)
        found.push({ sats, address: addressOfScript(script, 'regtest') });
    }
  }
  return found;
}

interface Earning {
  readonly node: TestMoneyNode;
  readonly sats: bigint;
}

/** So much is earned, and a nineteenth of it is commission, in one booking each: as if uncommitted bytes had lain there. */
async function earn(database: Database, ...earnings: readonly Earning[]): Promise<void> {
  const clientId = freshId();
  const parts = earnings.map(({ node, sats }) => {
    const earnedMsat = sats * 1_000n;
    return { node, earnedMsat, commissionMsat: earnedMsat / 19n };
  });
  const total = parts.reduce((sum, { earnedMsat, commissionMsat }) => sum + earnedMsat + commissionMsat, 0n);
  await inTransaction(database, async (tx) => {
    for (const { node } of parts) await tx.execute(sql`SELECT open_ledger_node(${node.nodeNo})`);
    const { accountNo } = await lockAvailable(tx, clientId);
    const { rows } = await tx.execute<{ account_no: number }>(sql`
      INSERT INTO ledger_accounts (kind, available_no) VALUES ('upload', ${accountNo}) RETURNING account_no`);
    const upload = rows[0]!.account_no;
    const move = (kind: 'credit' | 'reserve', from: number, to: number) =>
      post(
        tx,
        { kind, reference: freshId(8), note: 'a test' },
        [
          { accountNo: from, amountMsat: -total },
          { accountNo: to, amountMsat: total },
        ],
        at(FIRST),
      );
    await move('credit', await mediatorAccount(tx, 'admin_credits'), accountNo);
    await move('reserve', accountNo, upload);
    for (const { node, earnedMsat, commissionMsat } of parts) {
      const own = await tx.execute<{ earned_no: number; commission_no: number }>(sql`
        SELECT earned_no, commission_no FROM ledger_nodes WHERE node_no = ${node.nodeNo}`);
      const { earned_no: earned, commission_no: commission } = own.rows[0]!;
      await post(
        tx,
        { kind: 'storage_time' },
        [
          { accountNo: upload, amountMsat: -(earnedMsat + commissionMsat) },
          { accountNo: earned, amountMsat: earnedMsat },
          { accountNo: commission, amountMsat: commissionMsat },
        ],
        at(FIRST),
      );
    }
  });
}

/** What the owner of the seed could make elsewhere: all of these outputs to one address. */
export function foreignSpend(
  inputs: readonly { txid: string; vout: number; sats: bigint; script: string }[],
  seed: number,
  address: string,
): string {
  const wallet = testWallet(seed);
  const change = wallet.addressAt('p2wpkh', 'change', 9).script;
  const plan = planPayout({
    coins: inputs.map((input) => ({ ...input, confirmations: 6 })),
    payees: [
      {
        id: 'all',
        script: parseAddress(address, 'regtest').script,
        sats: inputs.reduce((sum, { sats }) => sum + sats, 0n),
      },
    ],
    satPerKvb: 5_000n,
    changeScript: change,
  });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  const { psbt } = plan.transaction;
  return finishTransaction(psbt, wallet.sign(psbt, 40)).hex;
}
