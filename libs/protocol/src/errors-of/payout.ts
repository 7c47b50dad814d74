/** Errors of money on its way out: payouts of nodes, their addresses, withdrawals of clients. */
import { entry } from './entry.ts';

export const PAYOUT_ERRORS = {
  'payout.none': entry(
    409,
    'refused',
    'This mediator pays nothing out over the chain yet.',
    'What was earned stays in the ledger; ask the mediator’s admin when payouts begin.',
  ),
  'payout.unknown': entry(
    404,
    'refused',
    'There is no payout {batchId}.',
    'List the payouts and use an id from there.',
  ),
  'payout.outdated': entry(
    409,
    'refused',
    'What the batch was made from has changed meanwhile: {detail}',
    'Nothing was sent and nothing was booked; the next round plans it anew.',
  ),
  'payout.signer-failed': entry(
    502,
    'failure',
    'The payouts’ signer did not sign: {detail}',
    'Nothing was sent. Run HOLDFAST_SIGNER_COMMAND by hand, or check HOLDFAST_HOT_WALLET_SEED_FILE; it is tried again by itself.',
  ),
  'payout.bad-seed-file': entry(
    422,
    'usage',
    'The hot wallet’s seed file {path} cannot be used: {detail}',
    'It holds 64 hex digits and nothing else, belongs to the mediator’s user, and only that user may read it (chmod 600).',
  ),
  'payout-address.outdated': entry(
    409,
    'refused',
    'A payout address with sequence {current} is known already; this one has {given}.',
    'Read the address in force and sign the next one.',
  ),
  'withdrawal.unknown': entry(
    404,
    'refused',
    'There is no withdrawal {withdrawalId} of yours.',
    'List your withdrawals (holdfast withdraw without arguments) and use an id from there.',
  ),
  'withdrawal.too-small': entry(
    422,
    'refused',
    '{sats} sat are too little to be sent: the network asks for {leastSats} at least.',
    'Withdraw more at once, or leave it for storage.',
  ),
  'withdrawal.too-large': entry(
    422,
    'refused',
    '{sats} sat are more than this mediator pays in a day ({limitSats} sat).',
    'Withdraw it in parts, or ask the mediator’s admin.',
  ),
  'withdrawal.outdated': entry(
    409,
    'refused',
    'A withdrawal with sequence {current} is known already; this one has {given}.',
    'Sign it again with the next sequence.',
  ),
  'withdrawal.under-way': entry(
    409,
    'refused',
    'The withdrawal {withdrawalId} is {state} and cannot be cancelled any more.',
    'Look at it again later: holdfast withdraw without arguments lists them.',
  ),
} as const;
