/** The end of an account: what it would mean, and its steps. Each can be repeated; what is done already is passed over. */
import { parseAddress } from '@holdfast/bitcoin';
import { unwrap } from '@holdfast/http-api';
import { fail, HoldfastError } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import { type Agreement, endAgreement, foretellEnd, listAgreements } from './agreements.ts';
import { changeMandate, readMandate } from './mandate.ts';
import { listWithdrawals, withdraw, type Withdrawal } from './withdraw.ts';

/** What an end of the account would mean now. */
export interface Closing {
  /** As the address is written in its network. */
  readonly address: string;
  readonly agreementCount: number;
  readonly nodeCount: number;
  /** At the nodes, with redundancy. */
  readonly storedBytes: number;
  /** Of what is held; comes back at once. */
  readonly releasedMsat: bigint;
  readonly availableMsat: bigint;
}

/**
 * Changes nothing.
 * @throws HoldfastError `address.*`; `payout.none` where the mediator could not give the money back
 */
export async function foretellClosing(client: ClientContext, to: string): Promise<Closing> {
  const { address } = parseAddress(to, client.config.network);
  if (!(await listWithdrawals(client)).enabled) throw fail('payout.none');
  const chains = chainsOf(await runningAgreements(client));
  let releasedMsat = 0n;
  for (const chain of chains) releasedMsat += await releasedBy(client, chain);
  const { availableMsat } = await client.mediator.getAccount();
  return {
    address,
    agreementCount: chains.length,
    nodeCount: new Set(chains.map(([first]) => first.nodeId)).size,
    storedBytes: chains.reduce((sum, [first]) => sum + first.storedBytes, 0),
    releasedMsat,
    availableMsat: BigInt(availableMsat),
  };
}

/** An agreement, and those that renewed it one after the other: they end together. */
type Chain = readonly [Agreement, ...Agreement[]];

async function releasedBy(client: ClientContext, chain: Chain): Promise<bigint> {
  for (const { agreementId } of chain) {
    const ending = await unlessEnded(() => foretellEnd(client, agreementId));
    if (ending !== undefined) return BigInt(ending.releasedMsat);
  }
  return 0n;
}

/** Signs a mandate that spends nothing, then ends all agreements. Resolves to how many there were. */
export async function endEverything(client: ClientContext): Promise<number> {
  const vault = await client.mediator.getVault();
  // First of all: nothing is opened or renewed behind our back.
  if (readMandate(client, vault)?.monthlyLimitMsat !== 0n) {
    await changeMandate(client, vault, { monthlyLimitSats: 0n });
  }
  const tried = new Set<string>();
  let count = 0;
  // Another machine may have stored something at this very moment: until there is none that was not tried.
  for (;;) {
    const left = (await runningAgreements(client)).filter(({ agreementId }) => !tried.has(agreementId));
    if (left.length === 0) return count;
    for (const [{ agreementId }] of chainsOf(left)) {
      tried.add(agreementId);
      if ((await unlessEnded(() => endAgreement(client, agreementId))) !== undefined) count += 1;
    }
  }
}

/** Its term may be over, or the node may have ended it first. */
async function unlessEnded<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'agreement.ended') return undefined;
    throw error;
  }
}

/** Less than this is left where it is: its share of the network's fee could eat it up, and then it would wait for ever. */
export const WORTH_SENDING_SATS = 1_000n;

/** Everything that is available, in more than one withdrawal where the mediator pays no more at once. */
export async function withdrawEverything(client: ClientContext, address: string): Promise<Withdrawal[]> {
  const made: Withdrawal[] = [];
  try {
    while (isWorthSending((await client.mediator.getAccount()).availableMsat)) {
      made.push(await withdraw(client, address, 'all'));
    }
  } catch (error) {
    // A debt is repaid first, and that may leave nothing to speak of.
    if (!(error instanceof HoldfastError) || !NOTHING_LEFT.has(error.code)) throw error;
  }
  return made;
}

const NOTHING_LEFT: ReadonlySet<string> = new Set(['withdrawal.too-small', 'money.insufficient']);

export const isWorthSending = (amountMsat: string | bigint): boolean =>
  BigInt(amountMsat) >= WORTH_SENDING_SATS * 1_000n;

/** Paid in and not credited yet, in satoshi. */
export async function depositsUnderWay({ mediatorApi }: Pick<ClientContext, 'mediatorApi'>): Promise<bigint> {
  const { deposits } = await unwrap(mediatorApi.GET('/v1/deposits', { params: { query: { limit: LOOKED_AT } } }));
  return deposits.reduce((sum, { state, sats }) => (state === 'seen' ? sum + BigInt(sats) : sum), 0n);
}

const LOOKED_AT = 50;

async function runningAgreements(client: ClientContext): Promise<Agreement[]> {
  const running: Agreement[] = [];
  for await (const agreement of listAgreements(client)) if (agreement.state !== 'ended') running.push(agreement);
  return running;
}

function chainsOf(running: readonly Agreement[]): Chain[] {
  const chains: [Agreement, ...Agreement[]][] = [];
  for (const one of running.toSorted((a, b) => a.startPeriod - b.startPeriod)) {
    const renewed = chains.find((chain) => isRenewedBy(chain.at(-1)!, one));
    if (renewed === undefined) chains.push([one]);
    else renewed.push(one);
  }
  return chains;
}

const isRenewedBy = (before: Agreement, after: Agreement): boolean =>
  before.state === 'renewed' &&
  before.vaultId === after.vaultId &&
  before.nodeId === after.nodeId &&
  before.endPeriod === after.startPeriod;
