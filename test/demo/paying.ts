/** Money over the chain: the client pays in, the operator fills the hot wallet, nodes are paid, and the books agree. */
import { formatCount } from '@holdfast/protocol';
import type { Admin, AuditOutcome, Payment } from './admin.ts';
import type { Chain, Received } from './chain.ts';
import type { DemoNode } from './market.ts';
import { bad, bitcoinText, count, fact, good, satsOf, seconds, step, table } from './report.ts';
import { PATIENCE_MS, until } from './until.ts';

/** Of regtest’s worthless money. */
const DEPOSIT_SATS = 300_000_000_000n;
/** What the operator puts into the hot wallet to pay nodes with, before deposits are moved there. */
const FLOAT_SATS = 100_000_000n;
const CONFIRMATIONS = { deposit: 3, final: 6 } as const;
/** Ten minutes, in earnest. */
const BLOCK_MS = 3_000;

/** Runs the client’s command and resolves to its result. */
export type Holdfast = (...args: string[]) => Promise<Record<string, unknown>>;

export interface PayingOptions {
  readonly admin: Admin;
  readonly chain: Chain;
  readonly holdfast: Holdfast;
  readonly clientId: string;
  readonly signal: AbortSignal;
}

/** True when the deposit was seen at once and credited when it was deep enough. */
export async function payIn({ admin, chain, holdfast, clientId, signal }: PayingOptions): Promise<boolean> {
  step('Bitcoin in: a real node on regtest, a chain that nobody else sees, a faucet that mines');
  const { address } = await holdfast('deposit');
  await chain.pay(String(address), DEPOSIT_SATS);
  fact(
    `\`holdfast deposit\` shows an address of the client’s own. The faucet pays ${bitcoinText(DEPOSIT_SATS)} there:`,
  );
  fact(String(address));
  const { fundingAddress = '' } = await admin.payoutStatus();
  await chain.pay(fundingAddress, FLOAT_SATS);
  const look = async () => (await admin.deposits(clientId))[0];
  const seen = await until(signal, look, (deposit) => deposit !== undefined);
  if (seen === undefined) {
    bad(`The mediator did not see it within ${seconds(PATIENCE_MS)}.`);
    return false;
  }
  good(`seen by the mediator, ${seen.confirmations} of ${seen.requiredConfirmations} confirmations: not credited yet.`);
  await chain.mine(CONFIRMATIONS.deposit);
  const credited = await until(signal, look, (deposit) => deposit?.state === 'credited');
  if (credited === undefined) {
    bad(`It was not credited within ${seconds(PATIENCE_MS)}.`);
    return false;
  }
  const { availableMsat } = await admin.balance(clientId);
  good(`${CONFIRMATIONS.deposit} blocks later: credited, ${satsOf(availableMsat)} sat are available.`);
  fact(`The mediator’s operator puts ${bitcoinText(FLOAT_SATS)} of its own into the hot wallet, to pay nodes with.`);
  await chain.mineEvery(BLOCK_MS);
  fact(`From here on a block comes every ${BLOCK_MS / 1000} seconds.`);
  return true;
}

interface Payee {
  readonly operator: string;
  /** Six deep, newest first. */
  readonly payments: readonly Payment[];
  readonly received: readonly Received[];
}

/** True when every holder was paid, and its own wallet has that to the satoshi, by the word of the node. */
export async function showPayouts(
  { admin, chain, signal }: Pick<PayingOptions, 'admin' | 'chain' | 'signal'>,
  holders: readonly DemoNode[],
): Promise<boolean> {
  step('Bitcoin out: each period pays on the chain who is due more than 2,000 times the fee rate');
  const look = () =>
    Promise.all(
      holders.map(async ({ operator, nodeId }): Promise<Payee> => {
        // In this order: what was paid before we ask has arrived when we ask.
        const payments = (await admin.payouts(nodeId)).filter(({ state }) => state === 'final');
        return { operator, payments, received: await chain.received(operator) };
      }),
    );
  const isPaid = ({ payments }: Payee): boolean => payments.length > 0;
  const found = await until(signal, look, (payees) => payees.every(isPaid));
  const payees = found ?? (await look());
  table([
    ['operator', 'paid out', 'share of fees', 'in its own wallet', 'newest transaction'],
    ...payees.map((payee) => rowOf(payee)),
  ]);
  const newest = payees[0]?.payments[0]?.txid;
  if (newest !== undefined) fact(`${payees[0]!.operator}’s: ${newest}`);
  const late = payees.filter((payee) => !isPaid(payee)).map(({ operator }) => operator);
  if (late.length > 0) bad(`Not paid within ${seconds(PATIENCE_MS)}: ${late.join(', ')}.`);
  const short = payees.filter((payee) => arrivedSats(payee) !== netSats(payee)).map(({ operator }) => operator);
  if (short.length > 0) bad(`The wallets of ${short.join(', ')} have something else than the mediator says.`);
  if (late.length > 0 || short.length > 0) return false;
  good('The wallets are the operators’ own; the Bitcoin node was asked what is in them, not the mediator.');
  return true;
}

function rowOf(payee: Payee): string[] {
  const { operator, payments } = payee;
  const fees = sum(payments.map(({ feeShareSats }) => BigInt(feeShareSats)));
  const [newest] = payments;
  const more = payments.length > 1 ? ` and ${payments.length - 1} before` : '';
  return [
    operator,
    `${formatCount(sum(payments.map(({ grossSats }) => BigInt(grossSats))))} sat`,
    `${formatCount(fees)} sat`,
    `${formatCount(arrivedSats(payee))} sat`,
    newest === undefined ? 'none yet' : `${newest.txid.slice(0, 16)}…${more}`,
  ];
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

const netSats = ({ payments }: Payee): bigint =>
  sum(payments.map(({ grossSats, feeShareSats }) => BigInt(grossSats) - BigInt(feeShareSats)));

/** What the wallet itself has of those payments; a later one may be under way. */
function arrivedSats({ payments, received }: Payee): bigint {
  const txids = new Set(payments.map(({ txid }) => txid));
  const deep = received.filter(({ txid, confirmations }) => txids.has(txid) && confirmations >= CONFIRMATIONS.final);
  return sum(deep.map(({ sats }) => sats));
}

/** True when ledger and chain agree, and the client’s money is in what the mediator signs that it owes. */
export async function showBooks({ admin, chain, holdfast, signal }: PayingOptions): Promise<boolean> {
  step('Do the books agree with the chain?');
  await chain.mineEvery(0);
  // The mediator may be doing it by itself at this moment.
  const isDone = ({ reconciliation }: AuditOutcome): boolean => reconciliation !== undefined;
  const outcome = await until(signal, () => admin.reconcile(), isDone);
  await chain.mineEvery(BLOCK_MS);
  const reconciliation = outcome?.reconciliation;
  if (reconciliation === undefined) {
    bad(`They could not be compared within ${seconds(PATIENCE_MS)}.`);
    return false;
  }
  const { chainSats, ledgerMsat, pendingSats, differences, state } = reconciliation;
  const pending = BigInt(pendingSats);
  const onItsWay =
    pending === 0n
      ? ''
      : `, and ${formatCount(pending < 0n ? -pending : pending)} are on their way ${pending < 0n ? 'out' : 'in'}`;
  fact(
    `Both wallets hold ${formatCount(BigInt(chainSats))} sat, by the set of all unspent outputs. The ledger says ` +
      `${satsOf(ledgerMsat)}${onItsWay}.`,
  );
  for (const { subject, what, sats } of differences) fact(`  ${sats} sat  ${subject}  ${what}`);
  if (state !== 'balanced') {
    bad(`${count(differences.length, 'difference')}: payouts are stopped.`);
    return false;
  }
  good('Ledger and chain agree to the satoshi (`holdfast-mediator reconcile`; every night by itself).');
  const { amountMsat, totalMsat, leafCount } = await holdfast('verify-liabilities');
  good(
    `\`holdfast verify-liabilities\`: the client’s ${satsOf(String(amountMsat))} sat are in the ` +
      `${satsOf(String(totalMsat))} that the mediator signed it owes to ${String(leafCount)} parties.`,
  );
  return true;
}
