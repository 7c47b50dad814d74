/** What the mediator says about paying in: the address, checked, and what came to it. */
import { parseAddress, paymentLink } from '@holdfast/bitcoin';
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { bytes, monthlyCostMsat, type Network, satPerTbMonth } from '@holdfast/protocol';
import type { Account, ClientContext } from '../ports.ts';

export type Deposit = MediatorSchemas['schemas']['Deposit'];

export interface DepositList {
  /** Newest first. */
  readonly deposits: readonly Deposit[];
}

export interface DepositPlace {
  readonly address: string;
  /** BIP-21. */
  readonly link: string;
  readonly network: Network;
  readonly confirmations: number;
  readonly large?: { readonly sats: bigint; readonly confirmations: number };
  /** Of all that is stored, at the prices that were agreed. */
  readonly monthlyCostMsat: bigint;
  readonly money: Omit<Account, 'clientId'>;
  /** For deposits that were taken back after they were spent. */
  readonly owedMsat: bigint;
}

const SHOWN = 20;
const AGREEMENTS_PER_PAGE = 200;

/**
 * @throws HoldfastError `deposit.off`, `deposit.too-many-addresses`; `address.malformed`, `address.wrong-network` where
 * the mediator gives an address that money should not be sent to
 */
export async function readDepositPlace(
  { mediatorApi, mediator, config }: ClientContext,
  { sats, isNew }: { readonly sats?: bigint; readonly isNew: boolean },
): Promise<DepositPlace> {
  const given = await unwrap(mediatorApi.POST('/v1/deposits/address', { body: { new: isNew } }));
  const { address } = parseAddress(given.address, config.network);
  const { clientId, ...money } = await mediator.getAccount();
  const { owedMsat = '0' } = await unwrap(mediatorApi.GET('/v1/deposits', { params: { query: { limit: 1 } } }));
  const { largeSats, largeConfirmations } = given;
  return {
    address,
    link: paymentLink({ address, label: 'Holdfast', ...(sats !== undefined && { sats }) }),
    network: config.network,
    confirmations: given.confirmations,
    ...(largeSats !== undefined &&
      largeConfirmations !== undefined && { large: { sats: BigInt(largeSats), confirmations: largeConfirmations } }),
    monthlyCostMsat: await costOfAMonth(mediatorApi, clientId),
    money,
    owedMsat: BigInt(owedMsat),
  };
}

export async function listDeposits({ mediatorApi }: Pick<ClientContext, 'mediatorApi'>): Promise<DepositList> {
  const { deposits } = await unwrap(mediatorApi.GET('/v1/deposits', { params: { query: { limit: SHOWN } } }));
  return { deposits };
}

/** Of those that no other one follows: what was renewed would count twice. */
async function costOfAMonth(api: ClientContext['mediatorApi'], clientId: string): Promise<bigint> {
  let sum = 0n;
  for (let after: string | undefined; ;) {
    const query = { limit: AGREEMENTS_PER_PAGE, ...(after !== undefined && { after }) };
    const params = { path: { clientId }, query };
    const { agreements } = await unwrap(api.GET('/v1/clients/{clientId}/agreements', { params }));
    for (const { state, storedBytes, priceSatPerTbMonth } of agreements) {
      if (state !== 'active' && state !== 'grace') continue;
      sum += monthlyCostMsat(bytes(storedBytes), satPerTbMonth(BigInt(priceSatPerTbMonth)));
    }
    if (agreements.length < AGREEMENTS_PER_PAGE) return sum;
    after = agreements.at(-1)!.agreementId;
  }
}

const OUTCOMES = {
  credited: 'credited',
  reversed: 'taken back by the chain',
  gone: 'gone before it was credited',
} as const;

export const describeDeposit = ({ state, confirmations, requiredConfirmations }: Deposit): string =>
  state === 'seen' ? `${confirmations} of ${requiredConfirmations} confirmations` : OUTCOMES[state];
