/** Errors of the chain and of what stands at its edge: addresses, keys, transactions, the node, deposits, payouts. */
import { entry } from './entry.ts';

export const BITCOIN_ERRORS = {
  'address.malformed': entry(
    400,
    'usage',
    'This is not a Bitcoin address: {detail}',
    'Copy the address again from your wallet, whole and without blanks; one wrong character is enough.',
  ),
  'address.wrong-network': entry(
    400,
    'usage',
    'The address is for {found}, and here Bitcoin’s {expected} is used.',
    'Take an address from a wallet that is set to {expected}: what is sent to another network is lost.',
  ),
  'address.unsupported': entry(
    400,
    'refused',
    'The address is of a kind that cannot be paid yet: {detail}',
    'Take another kind of address from your wallet: native segwit (bc1q…) or taproot (bc1p…).',
  ),
  'wallet-key.malformed': entry(
    400,
    'usage',
    'This is not an extended key or a seed: {detail}',
    'Copy the extended public key of the account again from your wallet (xpub… or zpub…, on test networks tpub… or vpub…).',
  ),
  'wallet-key.private': entry(
    400,
    'usage',
    'This is a PRIVATE key: whoever has it can spend the money. It was not used and not stored.',
    'Give the extended PUBLIC key (xpub… or zpub…). Move the money to a new wallet if others could have seen the private one.',
  ),
  'wallet-key.wrong-network': entry(
    400,
    'usage',
    'The extended key is for {found}, and here Bitcoin’s {expected} is used.',
    'Export the key from a wallet that is set to {expected}, or set HOLDFAST_NETWORK to the network of the key.',
  ),
  'wallet-key.unsupported': entry(
    400,
    'usage',
    'The extended key cannot be used: {detail}',
    'Export the public key of a native segwit account (BIP-84, path m/84h/0h/0h, on test networks m/84h/1h/0h).',
  ),
  'transaction.malformed': entry(
    422,
    'integrity',
    'This is not a Bitcoin transaction: {detail}',
    'Nothing was sent. Check what made the transaction; the rows of the batch keep what it was made from.',
  ),
  'transaction.bad-plan': entry(
    500,
    'failure',
    'A transaction cannot be planned from this: {detail}',
    'Nothing was sent and nothing was booked. Report it with the log: it is a fault of the program.',
  ),
  'transaction.altered': entry(
    422,
    'integrity',
    'The signer gave back another transaction than it was given: {detail}',
    'Nothing was sent. Check the signer (HOLDFAST_SIGNER_COMMAND) and the machine that it runs on before going on.',
  ),
  'transaction.not-signed': entry(
    422,
    'refused',
    'The transaction is not signed by the keys of the wallet: {detail}',
    'Nothing was sent. Check that the signer holds the seed that the descriptors of the wallet were made from.',
  ),
  'rail.away': entry(
    503,
    'unavailable',
    'The Bitcoin node gives no answer: {detail}',
    'Nothing is lost and it is tried again by itself. Check that the node runs, and BITCOIN_RPC_URL with its password or cookie.',
  ),
  'rail.syncing': entry(
    503,
    'unavailable',
    'The Bitcoin node is still catching up with the chain ({detail}).',
    'Wait until it has: until then nothing is credited or paid out, and nothing is lost.',
  ),
  'rail.wrong-network': entry(
    503,
    'refused',
    'The Bitcoin node is on {found}, and this mediator is on {expected}.',
    'Set BITCOIN_RPC_URL to a node on {expected}; until then nothing is credited or paid out.',
  ),
  'rail.rejected': entry(
    422,
    'refused',
    'The Bitcoin node refuses the transaction: {reason}',
    'Nothing was sent by this try. Look at the batch that it belongs to; an admin can bump or void it.',
  ),
  'rail.not-watched': entry(
    503,
    'unavailable',
    'The Bitcoin node does not watch the wallet {wallet} yet.',
    'Wait for the next round, which begins to watch it; a node that was replaced scans the chain first.',
  ),
  'rail.unsuitable': entry(
    503,
    'refused',
    'The Bitcoin node cannot do what is needed of it: {detail}',
    'Run Bitcoin Core 28 or newer with its wallet enabled, with all blocks since the first deposit address was given out.',
  ),
  'deposit.off': entry(
    503,
    'refused',
    'This mediator takes no deposits yet.',
    'Ask whoever runs it for credit, or to set HOLDFAST_DEPOSIT_XPUB and BITCOIN_RPC_URL; nothing has to be changed on your side.',
  ),
  'deposit.too-many-addresses': entry(
    409,
    'refused',
    '{count} of your deposit addresses still wait for money.',
    'Pay to one of them (holdfast deposit shows it); then there will be new ones.',
  ),
  'deposit.too-many-clients': entry(
    429,
    'unavailable',
    'This mediator gave {count} new deposit addresses within an hour, and gives no more than that.',
    'Try again in an hour; an address that you have already still counts (holdfast deposit).',
  ),
} as const;
