/** `holdfast-mediator credit`: signs in as admin with the key in the data directory, and credits a client. */
import { parseArgs } from 'node:util';
import { unwrap } from '@holdfast/http-api';
import { PlatformError, systemRandomness } from '@holdfast/platform';
import { isPartyId, toHex } from '@holdfast/protocol';
import { asAdmin, type RunningMediator } from './signed-in.ts';

export const CREDIT_HELP = `holdfast-mediator credit CLIENT_ID SATS --note TEXT [--reference TEXT]

Credits a client, on the machine where the mediator runs and with its settings. The ledger keeps the note, and books the
same reference once. The client sees its id with: holdfast balance
`;

export interface CreditRequest {
  readonly clientId: string;
  readonly sats: bigint;
  readonly note: string;
  readonly reference: string;
}

/** @throws PlatformError `config.invalid` */
export function readCreditArguments(args: readonly string[]): CreditRequest {
  const { values, positionals } = parse(args);
  const [clientId = '', sats = '', ...more] = positionals;
  if (!isPartyId(clientId)) throw wrong(`The client's id has 64 hex digits, not "${clientId}".`);
  if (!/^[1-9][0-9]{0,14}$/.test(sats)) throw wrong(`The amount is a whole number of satoshi, not "${sats}".`);
  if (more.length > 0) throw wrong(`"${more[0]}" is one word too many.`);
  if (values.note === undefined || values.note === '') throw wrong('--note says why the client is credited.');
  const reference = values.reference ?? toHex(systemRandomness.bytes(16));
  return { clientId, sats: BigInt(sats), note: values.note, reference };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { note: { type: 'string' }, reference: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

const wrong = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'holdfast-mediator credit --help shows how it is called.');

/** Resolves to what the client has available then, in msat. @throws HoldfastError, PlatformError `mediator.not-here` */
export const requestCredit = (
  running: RunningMediator,
  { clientId, sats, note, reference }: CreditRequest,
): Promise<{ booked: boolean; availableMsat: bigint }> =>
  asAdmin(running, async ({ api }) => {
    const credit = { clientId, amountMsat: String(sats * 1000n), reference, note };
    const { booked, availableMsat } = await unwrap(api.POST('/v1/admin/credits', { body: credit }));
    return { booked, availableMsat: BigInt(availableMsat) };
  });
