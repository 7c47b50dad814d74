/** Errors of published liabilities, and of the comparison of ledger and chain. */
import { entry } from './entry.ts';

export const RECONCILIATION_ERRORS = {
  'liabilities.none': entry(
    404,
    'unavailable',
    'The mediator has not published what it owes yet.',
    'Ask again tomorrow: it does so every night, and when an admin asks for it.',
  ),
  'liabilities.unknown': entry(
    404,
    'refused',
    'There is no statement of liabilities with the number {sequence}, or its leaves are not kept any more.',
    'Ask for the newest one.',
  ),
  'liabilities.not-proven': entry(
    422,
    'integrity',
    'What the mediator published does not prove that it owes you this: {detail}',
    'Run this again with --json, keep what it prints, and show it to the mediator’s admin and to others: it is signed.',
  ),
  'liabilities.wrong-amount': entry(
    422,
    'integrity',
    'The mediator published that it owes you {publishedMsat} msat; by your statement it was {statedMsat} msat.',
    'Run this again with --json, keep what it prints, and show it to the mediator’s admin and to others: it is signed.',
  ),
  'liabilities.bad-tree': entry(
    500,
    'failure',
    'A tree of liabilities cannot be made: {detail}',
    'This is a fault of the mediator; its log has more.',
  ),
  'reconciliation.unknown': entry(
    404,
    'refused',
    'There is no reconciliation {number}.',
    'List them, and use a number from there.',
  ),
  'reconciliation.no-difference': entry(
    409,
    'refused',
    'Reconciliation {number} found no difference, or it is resolved already.',
    'Nothing is left to do.',
  ),
  'reconciliation.not-bookable': entry(
    409,
    'refused',
    'The difference in {subject} is no transaction of the wallets, so nothing can be booked for it.',
    'Find out what is wrong (holdfast-mediator show /v1/ledger/faults), and resolve it without booking.',
  ),
  'reconciliation.not-covered': entry(
    409,
    'refused',
    'Booking {subject} takes {sats} sat of the mediator’s own money, and it has less.',
    'Send bitcoin of your own to the hot wallet, wait for its confirmations, and resolve it again.',
  ),
  'reconciliation.busy': entry(
    503,
    'unavailable',
    'Ledger and chain are being compared at the moment, or the Bitcoin node cannot be asked.',
    'Try again in a minute.',
  ),
} as const;
