/** Every error that Holdfast can show, by code. `docs/errors.md` is made from this table and tested against it. */
import type { ErrorEntry } from './errors.ts';

/** Exit statuses of the commands (documented in docs/cli.md). */
export const EXIT_CODES = {
  ok: 0,
  /** Something unexpected; a bug or an environment that we don't know. */
  failure: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Done, but some files could not be read or restored; each was reported. */
  incomplete: 3,
  /** The other side is away; try again later, nothing is lost. */
  unavailable: 4,
  /** Refused: rights, money, space or policy. */
  refused: 5,
  /** Data or a signature does not match what it should be. */
  integrity: 6,
  /** Stopped by the user. */
  interrupted: 130,
} as const;

const entry = (httpStatus: number, exit: keyof typeof EXIT_CODES, message: string, next: string): ErrorEntry => ({
  message,
  next,
  httpStatus,
  exitCode: EXIT_CODES[exit],
});

export const CATALOGUE = {
  // input
  'input.not-hex': entry(400, 'usage', 'Expected {expected}.', 'Check the value: lower-case hexadecimal digits only.'),
  'input.not-base64url': entry(400, 'usage', 'Expected unpadded base64url.', 'Copy the value again, whole.'),
  'input.bad-size': entry(400, 'usage', '{value} is not a size in bytes.', 'Give a whole number from 0 to 2^53 − 1.'),
  'input.invalid': entry(
    400,
    'usage',
    'The request is not valid: {detail}',
    'Correct the named field and send the request again.',
  ),
  'input.too-large': entry(413, 'refused', 'The {what} is larger than the limit of {limit}.', 'Send less at once.'),
  'input.unknown-route': entry(
    404,
    'failure',
    'There is no {method} {path} here.',
    'See the API page under /docs of this service.',
  ),

  // signed messages
  'message.malformed': entry(
    400,
    'integrity',
    'A signed {type} message is malformed: {detail}',
    'Update both sides to the same version; if that does not help, report it.',
  ),
  'message.bad-signature': entry(
    401,
    'integrity',
    'The signature of a {type} message does not match its signer.',
    'Nothing was changed. Check that the right key signs, then try again.',
  ),
  'message.wrong-context': entry(
    401,
    'integrity',
    'A {type} message was signed for another network or mediator.',
    'Check the address of the mediator that you use.',
  ),
  'message.clock-skew': entry(
    401,
    'refused',
    'The request was signed {skewSeconds} s away from this clock.',
    'Set the clock of your machine (NTP), then try again.',
  ),

  // sign-in
  'auth.required': entry(401, 'refused', 'This needs a signed-in {role}.', 'Sign in, then send the request again.'),
  'auth.session-expired': entry(401, 'refused', 'The session has ended.', 'Sign in again.'),
  'auth.nonce-unknown': entry(
    401,
    'refused',
    'The sign-in nonce is unknown, used or too old.',
    'Ask for a new nonce and sign that.',
  ),
  'auth.role-refused': entry(
    403,
    'refused',
    'This key may not sign in as {role}.',
    'Sign in as client or operator, or let the mediator’s admin add the key to its configuration.',
  ),
  'auth.not-yours': entry(
    404,
    'refused',
    'There is no such {what} of yours.',
    'Check the id; only the owner can see it.',
  ),
  'auth.certificate-required': entry(
    401,
    'refused',
    'This needs the TLS certificate of a registered node.',
    'Register the node first, then connect with its certificate.',
  ),
  'limit.rate': entry(
    429,
    'unavailable',
    'Too many requests: the limit is {limit}.',
    'Wait {retryAfterSeconds} s, then try again.',
  ),
  'limit.connections': entry(
    503,
    'unavailable',
    'Too many connections: the limit is {limit}.',
    'Try again in a moment.',
  ),

  // grants and receipts
  'grant.missing': entry(
    401,
    'refused',
    'The request shows no grant.',
    'Ask the mediator for a grant, then send it along.',
  ),
  'grant.expired': entry(
    403,
    'refused',
    'The grant expired at {expiredAt}.',
    'Ask the mediator for a new one; what was acknowledged is safe.',
  ),
  'grant.wrong-holder': entry(
    403,
    'refused',
    'The request is not signed by the holder of the grant.',
    'Sign with the key that the grant names.',
  ),
  'grant.wrong-node': entry(403, 'refused', 'The grant is for another node.', 'Use the grant of this node.'),
  'grant.wrong-verb': entry(
    403,
    'refused',
    'The grant allows {allowed}, not {wanted}.',
    'Ask the mediator for a grant with the right verb.',
  ),
  'grant.out-of-scope': entry(
    403,
    'refused',
    'The grant does not cover this pack.',
    'Ask the mediator for a grant that names it.',
  ),
  'grant.quota-exceeded': entry(
    403,
    'refused',
    'The grant allows {quotaBytes} bytes in all; this would be more.',
    'Ask the mediator for a new upload.',
  ),
  'request.mismatch': entry(
    401,
    'integrity',
    'The signed request is for another {field}.',
    'Sign the very request that you send.',
  ),
  'receipt.mismatch': entry(
    409,
    'integrity',
    'The {field} in the commit of pack {packId} differs from the receipt of node {nodeId}.',
    'Send that shard again; the commit was refused and nothing was charged.',
  ),
  'receipt.wrong-shard': entry(
    409,
    'integrity',
    'The receipt of node {nodeId} is for another shard.',
    'Send the shard again and use its own receipt.',
  ),

  // codec
  'codec.bad-argument': entry(500, 'failure', 'The codec was called with {detail}', 'This is a bug: please report it.'),
  'codec.damaged': entry(
    422,
    'integrity',
    'Damaged data: {what}: {detail}',
    'Fetch it from other nodes; run holdfast check to see what is affected.',
  ),
  'codec.unsupported-version': entry(
    422,
    'integrity',
    '{what} has version {version}, which this program does not know.',
    'Update holdfast.',
  ),
  'codec.wrong-key': entry(
    422,
    'integrity',
    '{what} does not open with the keys of this vault.',
    'Check that these are the right 24 words for this vault.',
  ),
  'codec.too-few-shards': entry(
    503,
    'integrity',
    'Pack {packId}: {good} good shards, {needed} needed.',
    'Wait for nodes to come back and try again; holdfast check names them.',
  ),
  'proof.invalid': entry(
    422,
    'integrity',
    'The proof does not match: {detail}',
    'Show a proof made from the shard itself.',
  ),

  // policy and market
  'policy.redundancy-too-low': entry(
    422,
    'refused',
    '{dataShards}+{parityShards} is less than 2x redundancy.',
    'Use at least as many parity shards as data shards.',
  ),
  'policy.out-of-range': entry(
    422,
    'refused',
    '{dataShards}+{parityShards} is outside of what the format allows (1–20 data shards, at most 40 in all).',
    'Choose fewer shards.',
  ),
  'policy.too-few-nodes': entry(
    409,
    'refused',
    '{needed} independent nodes are needed for {dataShards}+{parityShards} at 2x redundancy or more, {available} are on offer.',
    'Wait for more nodes, raise the price cap, widen the regions, or choose a smaller policy.',
  ),
  'market.no-offer': entry(409, 'refused', 'No node is on offer.', 'Wait until a node has joined, then try again.'),

  // mediator: nodes, vaults, uploads, packs, heads
  'node.unknown': entry(404, 'refused', 'Node {nodeId} is not registered here.', 'Register the node first.'),
  'node.unreachable': entry(
    409,
    'unavailable',
    'Node {nodeId} could not be reached at {address}: {detail}',
    'Open that port to the outside, or advertise another address.',
  ),
  'node.public-address': entry(
    422,
    'usage',
    '{address} is not allowed under the subnet rule "{rule}".',
    'Use the rule "public" for public addresses and "local" on one loopback or compose network only.',
  ),
  'node.bad-registration': entry(
    422,
    'usage',
    'The registration was refused: {detail}',
    'Correct it and register again.',
  ),
  'vault.unknown': entry(
    404,
    'refused',
    'There is no vault {vaultId} of yours.',
    'Run holdfast init, or check the 24 words.',
  ),
  'upload.unknown': entry(404, 'refused', 'There is no upload {uploadId} of this vault.', 'Open a new upload.'),
  'upload.expired': entry(
    409,
    'refused',
    'The upload {uploadId} has expired.',
    'Open a new upload; what was committed stays.',
  ),
  'upload.quota-exceeded': entry(
    409,
    'refused',
    'The upload was opened for {quotaBytes} bytes; this would be more.',
    'Open another upload for the rest.',
  ),
  'pack.unknown': entry(404, 'integrity', 'Pack {packId} is not known to the mediator.', 'Run holdfast check.'),
  'pack.conflict': entry(
    409,
    'integrity',
    'Pack {packId} is already committed with other contents.',
    'Use a new pack id; one is never used twice.',
  ),
  'pack.bad-commit': entry(
    422,
    'integrity',
    'The commit of pack {packId} was refused: {detail}',
    'Correct it and commit again; nothing was charged.',
  ),
  'chunk.unknown': entry(
    404,
    'integrity',
    'No pack that this machine knows holds the chunk {chunkId}.',
    'Run holdfast check --rebuild, which reads the index of the vault anew.',
  ),
  'head.conflict': entry(
    409,
    'refused',
    'The head moved meanwhile: it is at sequence {sequence}.',
    'Read the new head, merge, and try again.',
  ),
  'head.rollback': entry(
    409,
    'integrity',
    'The head would go from sequence {current} back to {given}.',
    'Read the current head; a head never goes back.',
  ),
  'head.missing': entry(404, 'refused', 'The vault has no head yet.', 'Run holdfast backup once.'),
  'mediator.not-ready': entry(
    503,
    'unavailable',
    'The mediator is not ready: {detail}',
    'Try again in a moment; nothing was lost.',
  ),
  'database.unavailable': entry(
    503,
    'unavailable',
    'The database does not answer.',
    'Try again in a moment; nothing was lost.',
  ),

  // storage node
  'shard.unknown': entry(
    404,
    'integrity',
    'There is no such shard here.',
    'Ask another node; the mediator knows them.',
  ),
  'shard.conflict': entry(
    409,
    'refused',
    'Another shard is already stored under this name.',
    'Use a new pack id; one is never used twice.',
  ),
  'shard.bad-length': entry(
    422,
    'refused',
    'The body has {actual} bytes, {expected} were announced.',
    'Send the shard again, whole.',
  ),
  'shard.length-not-allowed': entry(
    422,
    'usage',
    'A shard of {lengthBytes} bytes is not allowed: a multiple of 65536 up to {maximum} is.',
    'Use one of the size classes of docs/format.md.',
  ),
  'shard.length-required': entry(
    411,
    'usage',
    'The length of the shard must be announced.',
    'Send a Content-Length header.',
  ),
  'shard.root-mismatch': entry(
    422,
    'integrity',
    'The shard that arrived has another root than announced.',
    'Send it again: it was changed on the way.',
  ),
  'shard.range-invalid': entry(
    416,
    'usage',
    'The range {range} is outside of this shard.',
    'Ask for bytes that the shard has.',
  ),
  'shard.damaged': entry(
    503,
    'integrity',
    'The shard on this disk does not match its root any more.',
    'Fetch from other nodes; the loss has been reported.',
  ),
  'node.full': entry(
    507,
    'refused',
    'The node has {freeBytes} bytes left, {neededBytes} are needed.',
    'Ask the mediator for other nodes.',
  ),
  'node.busy': entry(503, 'unavailable', 'The node serves {limit} transfers already.', 'Try again in a moment.'),
  'node.disk': entry(
    503,
    'unavailable',
    'The disk of the node failed: {detail}',
    'The operator should look at the disk; fetch from other nodes meanwhile.',
  ),

  'node.bad-data-dir': entry(
    422,
    'usage',
    'The data directory of the node cannot be used: {detail}.',
    'Start the node with its own data directory, or restore that file from a copy.',
  ),

  // client
  'keystore.wrong-passphrase': entry(
    401,
    'refused',
    'The passphrase is wrong.',
    'Try again. The 24 words open the vault without it: holdfast recover.',
  ),
  'keystore.damaged': entry(
    422,
    'integrity',
    'The keystore {path} is damaged.',
    'Restore it with holdfast recover and your 24 words.',
  ),
  'keystore.missing': entry(
    404,
    'usage',
    'There is no keystore at {path}.',
    'Run holdfast init (a new vault) or holdfast recover (from 24 words).',
  ),
  'keystore.exists': entry(
    409,
    'usage',
    'There is a keystore at {path} already.',
    'Use it, or choose another directory with HOLDFAST_HOME.',
  ),
  'keystore.unsupported-version': entry(422, 'usage', 'The keystore has version {version}.', 'Update holdfast.'),
  'words.invalid': entry(
    400,
    'usage',
    'These are not the 24 words: {detail}',
    'Check them against your recovery sheet.',
  ),
  'passphrase.missing': entry(
    401,
    'usage',
    'A passphrase is needed and there is no terminal to ask on.',
    'Set HOLDFAST_PASSPHRASE_FILE or HOLDFAST_PASSPHRASE_COMMAND.',
  ),
  'passphrase.empty': entry(400, 'usage', 'The passphrase is empty.', 'Choose one; it protects the keys on this disk.'),
  'passphrase.unreadable': entry(
    400,
    'usage',
    'The passphrase file {path} cannot be read: {detail}',
    'Check HOLDFAST_PASSPHRASE_FILE and the permissions of the file.',
  ),
  'passphrase.command-failed': entry(
    400,
    'usage',
    'The passphrase command failed: {detail}',
    'Check HOLDFAST_PASSPHRASE_COMMAND by running it yourself.',
  ),
  'passphrase.mismatch': entry(400, 'usage', 'The two passphrases differ.', 'Try again.'),
  'passphrase.cancelled': entry(499, 'interrupted', 'No passphrase was given.', 'Start again when you are ready.'),
  'client.not-set-up': entry(
    404,
    'usage',
    'There is no vault set up in {path}.',
    'Run holdfast init (a new vault) or holdfast recover (from 24 words).',
  ),
  'client.bad-config': entry(
    422,
    'usage',
    'The configuration {path} is not valid: {detail}',
    'Correct the named key; holdfast init in another HOLDFAST_HOME shows what one looks like.',
  ),
  'client.no-directories': entry(400, 'usage', 'There is nothing to back up yet.', 'Add a directory: holdfast add DIR'),
  'client.bad-directory': entry(400, 'usage', '{path}: {detail}', 'Check the path.'),
  'client.locked': entry(
    409,
    'refused',
    'Another holdfast (process {pid}) is at work in {path}.',
    'Wait for it to end.',
  ),
  'client.no-snapshot': entry(404, 'usage', 'There is no snapshot {snapshot}.', 'See holdfast snapshots.'),
  'client.target-exists': entry(
    409,
    'refused',
    '{path} exists already.',
    'Choose another target, or say what to do: --existing skip|overwrite|newer.',
  ),
  'client.source-changed': entry(
    409,
    'incomplete',
    '{path} changed while it was read; what was read is kept.',
    'Run holdfast backup again.',
  ),
  'client.unreadable': entry(
    403,
    'incomplete',
    '{path} could not be read: {detail}',
    'Give the reading user the right to it, then run holdfast backup again.',
  ),
  'client.no-replacement': entry(
    503,
    'unavailable',
    'Node {nodeId} failed ({detail}), and there is no other node to take its place.',
    'Wait for it or for more nodes, then run holdfast backup again: it goes on where it stopped.',
  ),
  'client.no-space': entry(
    507,
    'refused',
    '{path} has {freeBytes} bytes free, {neededBytes} are needed.',
    'Make room, or choose another place.',
  ),
  'client.bad-address': entry(
    400,
    'usage',
    '{address} is not a mediator address.',
    'It looks like holdfast://host:port#fingerprint; it stands on your recovery sheet.',
  ),
  'client.bad-pattern': entry(
    400,
    'usage',
    'The pattern {pattern} cannot be used: {detail}.',
    'Write a path as holdfast ls shows it, or names with * and **; see holdfast restore --help.',
  ),
  'client.no-match': entry(
    404,
    'usage',
    'Nothing in the snapshot matches {pattern}.',
    'Look what is in it: holdfast ls.',
  ),
  'client.bad-target': entry(409, 'usage', '{path} cannot be restored into: {detail}', 'Choose another directory.'),
  'client.bad-option': entry(400, 'usage', '{option} {value}: this is not {wanted}.', 'Correct it; --help shows how it is written.'),
  'client.words-nowhere': entry(
    400,
    'usage',
    'There is no terminal to show the recovery sheet with the 24 words on, so nothing was done.',
    'Say where to write it: --words-file FILE, or --words-file - for standard output.',
  ),
  'client.no-vaults': entry(
    404,
    'refused',
    'The client {clientId} that these words make has no vault at this mediator.',
    'Compare words and address with the recovery sheet; a vault is at the mediator where holdfast init opened it.',
  ),
  'client.choose-vault': entry(
    409,
    'usage',
    'These words have several vaults: {vaults}.',
    'Say which one: holdfast recover --vault ID.',
  ),
  'client.usage': entry(400, 'usage', '{detail}', 'See holdfast {command} --help.'),
  'client.not-writable': entry(
    409,
    'incomplete',
    '{path} could not be restored: {detail}',
    'Clear that up, then restore again with --existing skip.',
  ),
  'client.interrupted': entry(499, 'interrupted', 'Stopped.', 'Run the command again: it goes on where it stopped.'),
  'client.state-damaged': entry(
    422,
    'integrity',
    'The local catalog {path} is damaged: {detail}',
    'Run holdfast check --rebuild; nothing in the vault is lost.',
  ),

  // others
  'remote.unreachable': entry(
    503,
    'unavailable',
    '{who} does not answer at {address}: {detail}',
    'Check the network and try again; nothing is lost.',
  ),
  'remote.unexpected': entry(
    502,
    'failure',
    '{from} answered in an unexpected way: {detail}',
    'Update both sides; if that does not help, report it.',
  ),
  'tls.wrong-peer': entry(
    502,
    'integrity',
    '{address} is not {expected}.',
    'Somebody else answers there: check the address, and the network between.',
  ),
  'internal.unexpected': entry(
    500,
    'failure',
    'Something unexpected happened ({incident}).',
    'Look for this incident in the log of the service.',
  ),
} as const satisfies Record<string, ErrorEntry>;
