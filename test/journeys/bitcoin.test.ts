/**
 * Money's whole way on a real chain: a client pays in, nodes prove what they hold in periods of four seconds, operators are
 * paid, while mediator and Bitcoin node are killed; the client takes some out, and in the end closes the account. What
 * arrived is asked of the wallets of those who were paid, not of the mediator.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { meetMediator } from '@holdfast/client';
import { startTestBitcoin, type TestBitcoin } from '@holdfast/mediator/testing/test-bitcoin';
import { testAccountKey } from '@holdfast/mediator/testing/test-deposits';
import { foreignSpend } from '@holdfast/mediator/testing/test-payouts';
import { createSeededRandomness, createSilentLogger } from '@holdfast/platform';
import { type StorageNode, startStorageNode } from '@holdfast/storage-node';
import { describeWith } from '@holdfast/testkit';
import { type CliOptions, expectError, resultOf, runCli, runOnTerminal } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Admin, signInAsAdmin } from '../demo/admin.ts';
import { type Killable, startKillableMediator } from '../killable.ts';
import { shardsOnDisk } from '../node-disks.ts';
import { OPERATORS } from '../operators.ts';
import type { MediatorReady } from '../run-mediator.ts';
import { type CommandRun, runMediatorCommand, runNodeCommand } from '../service-commands.ts';

const LONG_MS = 300_000;
const POLL_MS = 250;
const PERIOD_MS = 4_000;
/** Of the addresses that nodes are paid at, one node each. */
const KINDS = ['bech32', 'bech32m', 'p2sh-segwit', 'legacy'] as const;
/** So that a node earns some thousand satoshi in four seconds, and two or three periods are worth their fee. */
const PRICE = 500_000_000_000_000n;
const SOURCE_BYTES = 8_000_000;
const DEPOSIT_SATS = 200_000_000n;
const FLOAT_SATS = 10_000_000n;
/** Of the wallet that deposits come to; the mediator knows its public key only. */
const DEPOSITS_SEED = 22;
const WITHDRAWN_SATS = 1_000_000n;
const MAINNET_ADDRESS = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4';

const SETTINGS = {
  welcomeSats: 0,
  databaseDurability: 'test',
  periodMs: PERIOD_MS,
  challenges: { deadlineMs: 2_900, verifyMs: 200, drawnLeaves: 50, retrievalCheckMs: 1e12 },
  // A term of forty minutes; what uploads leave over comes back within half a minute.
  money: { termPeriods: 600, gracePeriods: 30, uncommittedPeriods: 5, vettingWithheldPpm: 250_000 },
  uploadTtlMs: 20_000,
  commitGraceMs: 0,
  uncommittedGraceMs: 0,
  housekeepingMs: 1_000,
} as const;

await describeWith(['bitcoind'], 'money over a real chain', (program = '') => {
  let scratch: Scratch;
  let chain: TestBitcoin;
  let mediator: Killable<MediatorReady>;
  let admin: Admin;
  let ann: CliOptions;
  let clientId: string;
  const nodes: StorageNode[] = [];
  /** Of each node's operator. */
  const addresses: string[] = [];
  /** Where the client takes its money out to. */
  const withdrawnTo: string[] = [];

  beforeAll(async () => {
    scratch = await makeScratch();
    chmodSync(scratch.path, 0o711); // for the user that Postgres runs as
    chain = await startTestBitcoin(program);
    for (const name of [OPERATOR, CLIENT]) {
      await chain.rpc().call('createwallet', [name, false, false, '', false, true, true], { isWrite: true });
    }
    const seedFile = join(scratch.path, 'hot.seed');
    writeFileSync(seedFile, `${'5e'.repeat(32)}\n`, { mode: 0o600 });
    mediator = await startKillableMediator(scratch.path, {
      ...SETTINGS,
      bitcoin: { rpcUrl: chain.url, cookieFile: chain.cookieFile, fallbackSatPerKvb: 2_000n },
      deposits: { key: testAccountKey(DEPOSITS_SEED) },
      payouts: { hotWallet: { seedFile } },
    });
    for (const kind of KINDS) addresses.push(await freshAddress(OPERATOR, kind));
    const indexes = KINDS.map((_, index) => index);
    nodes.push(...(await Promise.all(indexes.map((index) => startStorageNode(nodeOptions(index))))));
    admin = await signIn();
    const passphraseFile = join(scratch.path, 'passphrase');
    writeFileSync(passphraseFile, 'not your keys\n', { mode: 0o600 });
    ann = { home: join(scratch.path, 'ann'), passphraseFile };
  }, LONG_MS);

  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await mediator?.stop();
    await chain?.close();
    await scratch?.remove();
  }, LONG_MS);

  const nodeOptions = (index: number) => ({
    dataDir: join(scratch.path, `node${index + 1}`),
    mediator: mediator.ready.address,
    listen: { host: `127.0.${index + 1}.1`, port: 0 },
    operator: OPERATORS[index]!,
    region: 'local',
    priceSatPerTbMonth: PRICE,
    capacityBytes: 2_000_000_000,
    network: 'regtest' as const,
    scrubBytesPerSecond: 0,
    heartbeatMs: 1_000,
    logger: createSilentLogger(),
    // The first one’s operator says it by hand.
    ...(index > 0 && { payoutAddress: addresses[index]! }),
  });

  async function signIn(): Promise<Admin> {
    const { caPem, info } = await meetMediator(mediator.ready.address);
    const baseUrl = `https://${new URL(mediator.ready.address).host}`;
    return signInAsAdmin({ baseUrl, caPem, mediatorId: info.mediatorId }, mediator.dataDir);
  }

  const OPERATOR = 'operator';
  const CLIENT = 'client';
  const ofWallet = <T>(wallet: string, method: string, params: readonly unknown[] = []): Promise<T> =>
    chain.rpc().call<T>(method, params, { wallet });
  const freshAddress = (wallet: string, kind: string): Promise<string> => ofWallet(wallet, 'getnewaddress', ['', kind]);
  /** What the wallet has at the address, six blocks deep. */
  const arrivedAt = async (wallet: string, address: string): Promise<bigint> =>
    satsOf(await ofWallet<string>(wallet, 'getreceivedbyaddress', [address, 6]));
  /** How many outputs were paid to the wallet, wherever in the chain or the mempool. */
  const timesPaid = async (wallet: string): Promise<number> =>
    (await ofWallet<{ category: string }[]>(wallet, 'listtransactions', ['*', 1_000])).filter(
      ({ category }) => category === 'receive',
    ).length;
  /** Transactions that wait in the mempool and pay this wallet. */
  const onTheWayTo = async (wallet: string): Promise<string[]> =>
    (await ofWallet<{ txid: string; confirmations: number }[]>(wallet, 'listtransactions', ['*', 1_000]))
      .filter(({ confirmations }) => confirmations === 0)
      .map(({ txid }) => txid);

  const operatorRuns = (index: number, ...words: string[]): Promise<CommandRun> =>
    runNodeCommand({ dataDir: nodes[index]!.dataDir, mediator: mediator.ready.address }, ...words);
  const adminRuns = (...words: string[]): Promise<CommandRun> =>
    runMediatorCommand({ dataDir: mediator.dataDir, address: mediator.ready.address }, ...words);
  const withdrawals = async (): Promise<readonly Shown[]> =>
    resultOf(await runCli(ann, '--json', 'withdraw'), 'withdraw')['withdrawals'] as readonly Shown[];

  /** Asks until there is an answer; meanwhile whatever the mediator sends is mined, six deep. */
  const whileMining = <T>(ask: () => Promise<T | undefined>): Promise<T> =>
    until(async () => {
      const answer = await ask();
      if (answer === undefined && (await chain.rpc().call<string[]>('getrawmempool')).length > 0) await chain.mine(6);
      return answer;
    });

  test(
    'a node’s first payout address counts at once, a change later, and another network’s never',
    async () => {
      expect((await operatorRuns(0, 'payout-address')).output).toContain('no payout address yet');
      const refused = await operatorRuns(0, 'payout-address', MAINNET_ADDRESS);
      expect([refused.status, refused.output]).toEqual([1, '']);
      expect(refused.errors).toContain('The address is for mainnet, and here Bitcoin’s regtest is used.');
      const set = await operatorRuns(0, 'payout-address', addresses[0]!);
      expect([set.output, set.errors]).toEqual([`${addresses[0]}  in force\n`, '']);
      const other = await freshAddress(OPERATOR, 'bech32');
      const changed = await operatorRuns(0, 'payout-address', other);
      const [later, now] = changed.output.trim().split('\n');
      expect(now).toBe(`${addresses[0]}  in force`);
      const [, since] = /^\S+ {2}from (\S+) on$/.exec(later!.replace(other, 'other'))!;
      expect(Date.parse(since!)).toBeGreaterThan(Date.now() + 71 * 3_600_000);
      expect((await operatorRuns(0, 'payout-address')).output).toBe(changed.output);
    },
    LONG_MS,
  );

  test(
    'a client pays in, and three blocks later it can store',
    async () => {
      const limits = ['--policy', '2+2', '--max-price', String(PRICE), '--spend-limit', '900000000000000'];
      const sheet = ['--words-file', join(scratch.path, 'sheet')];
      const init = await runCli(ann, '--json', 'init', '--mediator', mediator.ready.address, ...limits, ...sheet);
      clientId = String(resultOf(init, 'init')['clientId']);
      await cheapenKeystore(ann);
      const deposit = resultOf(await runCli(ann, '--json', 'deposit'), 'deposit');
      const address = String(deposit['address']);
      const coin = await chain.pay(address, DEPOSIT_SATS);
      const { fundingAddress } = await admin.payoutStatus();
      await chain.pay(fundingAddress!, FLOAT_SATS);
      await chain.mine(6);
      await until(async () => ((await admin.balance(clientId)).availableMsat === '0' ? undefined : true));
      expect(await admin.balance(clientId)).toMatchObject({ availableMsat: String(DEPOSIT_SATS * 1_000n) });
      // Who runs the mediator moves the deposit to the wallet that pays, with the key that the mediator does not have.
      const { scriptPubKey: script } = await chain.rpc().call<{ scriptPubKey: string }>('validateaddress', [address]);
      await chain.submit(foreignSpend([{ ...coin, sats: DEPOSIT_SATS, script }], DEPOSITS_SEED, fundingAddress!));
      await chain.mine(6);

      const source = join(scratch.path, 'source');
      mkdirSync(source);
      writeFileSync(join(source, 'film.mkv'), createSeededRandomness('bitcoin journey').bytes(SOURCE_BYTES));
      expect((await runCli(ann, 'add', source)).status).toBe(0);
      const backup = await runCli(ann, '--json', 'backup');
      expect([backup.status, backup.errors]).toEqual([0, '']);
      expect(BigInt((await admin.balance(clientId)).heldMsat)).toBeGreaterThan(0n);
    },
    LONG_MS,
  );

  test(
    'what nodes earned by proof arrives once, though mediator and Bitcoin node are killed after it was sent',
    async () => {
      const [sent] = await until(async () => {
        const waiting = await onTheWayTo(OPERATOR);
        return waiting.length > 0 ? waiting : undefined;
      });
      await mediator.kill();
      await chain.crash();
      await mediator.start();
      admin = await signIn();
      await until(async () => {
        const found = await chain.rail.transaction(sent!);
        return found === undefined ? undefined : true;
      });
      await chain.mine(6);
      for (const { nodeId } of nodes) {
        await whileMining(async () => (await admin.payouts(nodeId)).find(({ state }) => state === 'final'));
        expect((await admin.settlements(nodeId)).map(({ verdict }) => verdict)).toContain('passed');
      }
      const payments = (await Promise.all(nodes.map(({ nodeId }) => admin.payouts(nodeId)))).flat();
      expect(payments.map(({ txid }) => txid)).toContain(sent);
    },
    LONG_MS,
  );

  test(
    'a client takes money out to its own wallet; an address that will not do, or dust, is refused with a sentence',
    async () => {
      const address = await freshAddress(CLIENT, 'bech32m');
      withdrawnTo.push(address);
      const foreign = await expectError(ann, ['withdraw', MAINNET_ADDRESS, '5000'], 'address.wrong-network', 2);
      expect(foreign['message']).toBe('The address is for mainnet, and here Bitcoin’s regtest is used.');
      expect(foreign['next']).toMatch(/\w.*\.$/);
      const mistyped = address.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'));
      await expectError(ann, ['withdraw', mistyped, '5000'], 'address.malformed', 2);
      const dust = await expectError(ann, ['withdraw', address, '330'], 'withdrawal.too-small', 5);
      expect(dust['message']).toBe('330 sat are too little to be sent: the network asks for 331 at least.');

      const asked = resultOf(await runCli(ann, '--json', 'withdraw', address, String(WITHDRAWN_SATS)), 'withdraw');
      expect(asked['withdrawals']).toMatchObject([{ state: 'waiting', amountSats: String(WITHDRAWN_SATS), address }]);
      await whileMining(async () => ((await admin.ledger())['withdrawalsPaidMsat'] === '0' ? undefined : true));
      const [paid, ...others] = await withdrawals();
      expect([paid!.state, others]).toEqual(['paid', []]);
      expect(await arrivedAt(CLIENT, address)).toBe(netOf(paid!));
      expect(BigInt(paid!.feeShareSats!)).toBeGreaterThan(0n);
    },
    LONG_MS,
  );

  test(
    'ledger and chain agree, and client and node see that their own is counted in',
    async () => {
      // The nightly one may be at work just then.
      const reconciled = await until(async () => {
        const run = await adminRuns('reconcile');
        return run.output.includes('were not compared') ? undefined : run;
      });
      expect([reconciled.status, reconciled.errors]).toEqual([0, '']);
      expect(reconciled.output).toContain('They agree to the satoshi.');
      // While money moves all the time it may be that there was no moment to compare it: status 3.
      const client = await until(async () => {
        const run = await runCli(ann, '--json', 'verify-liabilities');
        return run.status === 3 ? undefined : run;
      });
      expect([client.status, client.errors]).toEqual([0, '']);
      const proven = resultOf(client, 'verify-liabilities');
      expect(proven).toMatchObject({ isCompared: true, assets: { sats: expect.any(String) } });
      expect(BigInt(String(proven['amountMsat']))).toBeGreaterThan(0n);
      const node = await operatorRuns(0, 'verify-liabilities');
      expect([node.status, node.errors]).toEqual([0, '']);
      expect(node.output).toMatch(/^proven: \d+ sat of that are this node’s/m);
      expect(await admin.faults()).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'an account is closed only by who says so: data is deleted, and the rest of the money comes back',
    async () => {
      const address = await freshAddress(CLIENT, 'bech32');
      withdrawnTo.push(address);
      await until(async () => ((await admin.balance(clientId)).reservedMsat === '0' ? true : undefined));
      await expectError(ann, ['close-account', MAINNET_ADDRESS, '--yes'], 'address.wrong-network', 2);
      const typed = await runOnTerminal(ann, [{ asked: 'Type yes: ', answer: 'no' }], 'close-account', address);
      expect([typed.status, typed.screen]).toEqual([0, expect.stringContaining('Nothing happened.')]);
      const said = typed.screen.replace(/\s+/g, ' ');
      expect(said).toMatch(/This ends 4 agreements with 4 nodes: they delete the [\d.]+ MB .* This cannot be undone\./);
      expect(nodes.every(({ dataDir }) => shardsOnDisk(dataDir).shards.length > 0)).toBe(true);
      expect(await withdrawals()).toHaveLength(1);

      const run = await runCli(ann, '--json', 'close-account', address, '--yes');
      expect([run.status, run.errors]).toEqual([0, '']);
      const closed = resultOf(run, 'close-account');
      expect(closed).toMatchObject({ isClosed: true, endedAgreements: 4, heldMsat: '0', reservedMsat: '0' });
      expect(BigInt(String(closed['availableMsat']))).toBeLessThan(1_000_000n);
      const again = resultOf(await runCli(ann, '--json', 'close-account', address), 'close-account');
      expect(again).toMatchObject({ isClosed: true, endedAgreements: 0, withdrawals: [] });
      // Nothing is left that a backup could build upon, or call unchanged.
      await expectError(ann, ['backup'], 'vault.given-up', 5);
      await until(() => (nodes.every(({ dataDir }) => shardsOnDisk(dataDir).shards.length === 0) ? true : undefined));
    },
    LONG_MS,
  );

  test(
    'in the end each wallet has what the ledger says it was paid, to the satoshi, and ledger and chain agree',
    async () => {
      await whileMining(async () => {
        const { waiting } = await admin.payoutStatus();
        if (waiting.some(({ reason }) => reason === 'next')) return undefined;
        const { payoutsInFlightMsat, withdrawalsInFlightMsat } = await admin.ledger();
        return payoutsInFlightMsat === '0' && withdrawalsInFlightMsat === '0' ? true : undefined;
      });
      const [ledger, left] = [await admin.ledger(), await admin.balance(clientId)];
      let nodesGot = 0n;
      let count = 0;
      for (const [index, { nodeId }] of nodes.entries()) {
        const payments = await admin.payouts(nodeId);
        expect(new Set(payments.map(({ state }) => state))).toEqual(new Set(['final']));
        const arrived = await arrivedAt(OPERATOR, addresses[index]!);
        expect(arrived).toBe(
          sum(payments.map(({ grossSats, feeShareSats }) => BigInt(grossSats) - BigInt(feeShareSats))),
        );
        // Its statement says the same of what left its earnings.
        const statement = await admin.statement('nodes', nodeId);
        const settlements = await admin.settlements(nodeId);
        const { earnedMsat } = await admin.earnings(nodeId);
        const earnedOnce = sum(settlements.map((one) => BigInt(one.earnedMsat)));
        const grossMsat = sum(payments.map(({ grossSats }) => BigInt(grossSats))) * 1_000n;
        expect(earnedOnce - grossMsat).toBe(BigInt(earnedMsat));
        expect(
          sum(statement.filter(({ account }) => account === 'earned').map(({ amountMsat }) => BigInt(amountMsat))),
        ).toBe(BigInt(earnedMsat));
        nodesGot += arrived;
        count += payments.length;
      }
      expect(nodesGot * 1_000n).toBe(BigInt(ledger['payoutsPaidMsat']!));
      expect(await timesPaid(OPERATOR)).toBe(count);

      const taken = await withdrawals();
      const clientGot = sum(await Promise.all(withdrawnTo.map((address) => arrivedAt(CLIENT, address))));
      expect(clientGot).toBe(sum(taken.map(netOf)));
      expect(clientGot * 1_000n).toBe(BigInt(ledger['withdrawalsPaidMsat']!));
      expect(await timesPaid(CLIENT)).toBe(taken.length);

      // All that was paid in: taken out again, left, or spent on storage.
      const spent = sum((await Promise.all(nodes.map(({ nodeId }) => admin.settlements(nodeId)))).flat().map(costOf));
      const out = sum(taken.map(({ amountSats }) => BigInt(amountSats))) * 1_000n;
      expect(out + BigInt(left.availableMsat) + spent).toBe(DEPOSIT_SATS * 1_000n);

      const reconciliation = await until(async () => (await admin.reconcile()).reconciliation);
      expect(reconciliation).toMatchObject({ state: 'balanced', differences: [] });
      expect(await admin.faults()).toEqual([]);
    },
    LONG_MS,
  );
});

interface Shown {
  readonly state: string;
  readonly address: string;
  readonly amountSats: string;
  readonly feeShareSats?: string;
}

const netOf = ({ amountSats, feeShareSats = '0' }: Shown): bigint => BigInt(amountSats) - BigInt(feeShareSats);

/** Of a period that passed: what the client paid for it. */
const costOf = ({ verdict, dueMsat }: { verdict: string; dueMsat: string }): bigint =>
  verdict === 'passed' ? BigInt(dueMsat) : 0n;

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, one) => all + one, 0n);

/** The node writes bitcoin with eight decimals. */
const satsOf = (bitcoin: string): bigint => BigInt(bitcoin.replace('.', ''));

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(POLL_MS);
  }
}
