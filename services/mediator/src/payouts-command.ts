/** `holdfast-mediator payouts`: pauses and resumes them, allows a large one. What there is to see: show /v1/payout-status. */
import { parseArgs } from 'node:util';
import { unwrap } from '@holdfast/http-api';
import { PlatformError } from '@holdfast/platform';
import { isPartyId } from '@holdfast/protocol';
import { asAdmin, type RunningMediator } from './signed-in.ts';

export const PAYOUTS_HELP = `holdfast-mediator payouts pause --note TEXT
holdfast-mediator payouts resume
holdfast-mediator payouts approve node|withdrawal ID SATS --note TEXT

On the machine where the mediator runs and with its settings. Paused, nothing new leaves; what is on its way goes on.
approve allows one payment of at most so many satoshi above HOLDFAST_PAYOUT_APPROVAL_SATS. Who waits for what, and every
batch with its steps: holdfast-mediator show /v1/payout-status, show /v1/payouts, show /v1/payouts/BATCH
`;

export type PayoutsRequest =
  | { readonly verb: 'pause'; readonly note: string }
  | { readonly verb: 'resume' }
  | {
      readonly verb: 'approve';
      readonly kind: 'node' | 'withdrawal';
      readonly id: string;
      readonly sats: string;
      readonly note: string;
    };

/** @throws PlatformError `config.invalid` */
export function readPayoutsArguments(args: readonly string[]): PayoutsRequest {
  const { values, positionals } = parse(args);
  const [verb, ...words] = positionals;
  const noted = (): string => {
    if (values.note === undefined || values.note === '') throw wrong('--note says why.');
    return values.note;
  };
  const only = (count: number): void => {
    if (words.length > count) throw wrong(`"${words[count]}" is one word too many.`);
  };
  if (verb === 'pause' || verb === 'resume') {
    only(0);
    return verb === 'pause' ? { verb, note: noted() } : { verb };
  }
  if (verb !== 'approve') throw wrong(`"${verb ?? ''}" is neither pause, resume nor approve.`);
  const [kind, id = '', sats = ''] = words;
  only(3);
  if (kind !== 'node' && kind !== 'withdrawal') throw wrong(`"${kind ?? ''}" is neither node nor withdrawal.`);
  if (!isPartyId(id)) throw wrong(`An id has 64 hex digits, not "${id}".`);
  if (!/^[1-9][0-9]{0,15}$/.test(sats)) throw wrong(`The amount is a whole number of satoshi, not "${sats}".`);
  return { verb, kind, id, sats, note: noted() };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { note: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

const wrong = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'holdfast-mediator payouts --help shows how it is called.');

/** Resolves to what to tell. @throws HoldfastError, PlatformError `mediator.not-here` */
export const requestPayouts = (running: RunningMediator, request: PayoutsRequest): Promise<string> =>
  asAdmin(running, async ({ api }) => {
    if (request.verb === 'pause') {
      await unwrap(api.PUT('/v1/payout-pause', { body: { reason: request.note } }));
      return 'Payouts are paused.';
    }
    if (request.verb === 'approve') {
      const { kind, id, sats: upToSats, note } = request;
      await unwrap(api.POST('/v1/payout-approvals', { body: { kind, id, upToSats, note } }));
      return `Allowed: at most ${upToSats} sat at once to ${kind} ${id}.`;
    }
    await unwrap(api.DELETE('/v1/payout-pause'));
    const { pauses } = await unwrap(api.GET('/v1/payout-status'));
    const [other] = pauses;
    return other === undefined ? 'Payouts go on.' : `Still paused by ${other.pausedBy}: ${other.reason}`;
  });
