/** Errors of the ledger, of mandates and of agreements. */
import { entry } from './entry.ts';

export const MONEY_ERRORS = {
  'money.insufficient': entry(
    402,
    'refused',
    '{neededMsat} msat are needed, {availableMsat} msat are available.',
    'Add money to your account, or store less; what is stored and paid for stays.',
  ),
  'money.bad-amount': entry(
    422,
    'usage',
    '{value} is not an amount that can be booked.',
    'Give a whole number of millisatoshi above zero.',
  ),
  'money.refused': entry(
    409,
    'integrity',
    'The ledger refused a booking: {detail}',
    'Nothing was booked. This is a bug of the mediator: please report it.',
  ),
  'money.wrong-period': entry(
    409,
    'usage',
    'This ledger counts in periods of {keptMs} ms, not of {givenMs} ms.',
    'Start the mediator with the period length that its database was made with.',
  ),
  'mandate.missing': entry(
    409,
    'refused',
    'Vault {vaultId} has no mandate in force.',
    'Sign one: holdfast mandate --spend-limit SATS; a backup signs the default one.',
  ),
  'mandate.expired': entry(
    409,
    'refused',
    'The mandate of vault {vaultId} has expired.',
    'Sign a new one (holdfast mandate --spend-limit SATS, or a backup); until then nothing is stored or renewed.',
  ),
  'mandate.outdated': entry(
    409,
    'refused',
    'A mandate with sequence {current} is known already; this one has {given}.',
    'Read the mandate in force and sign the next one.',
  ),
  'mandate.wrong-policy': entry(
    409,
    'refused',
    'The mandate says {dataShards}+{parityShards}, which is not the policy of the vault.',
    'Sign the mandate for the policy that the vault was opened with.',
  ),
  'mandate.price': entry(
    409,
    'refused',
    'Node {nodeId} asks {price} sat per TB and month; the mandate allows {cap}.',
    'Raise the price cap (holdfast mandate --max-price SATS), or wait for cheaper nodes.',
  ),
  'mandate.node': entry(
    409,
    'refused',
    'Node {nodeId} is in a region, or of an operator, that the mandate leaves out.',
    'Choose other nodes, or sign a mandate that allows it.',
  ),
  'mandate.limit': entry(
    409,
    'refused',
    'The vault would cost {neededMsat} msat per 30 days; its mandate allows {limitMsat}.',
    'Raise the spending limit (holdfast mandate --spend-limit SATS), or store less.',
  ),
  'agreement.unknown': entry(
    404,
    'refused',
    'There is no agreement {agreementId} of yours.',
    'List your agreements and use an id from there.',
  ),
  'agreement.ended': entry(
    409,
    'refused',
    'The agreement {agreementId} has ended.',
    'Nothing is left to do: what it held was paid or given back.',
  ),
  'agreement.mismatch': entry(
    422,
    'integrity',
    'The signed {type} differs from the agreement {agreementId} in {field}.',
    'Read the agreement again and sign what it says.',
  ),
};
