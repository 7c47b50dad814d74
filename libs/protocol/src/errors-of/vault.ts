/** Errors of the data format, the market, and the mediator that keeps vaults and packs. */
import { entry } from './entry.ts';

export const VAULT_ERRORS = {
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
    '{needed} independent nodes are needed for {dataShards}+{parityShards} at 2x redundancy or more; {available} are on offer that meet the terms and have the room.',
    'Wait for more nodes, raise the price cap, widen the regions, store less, or choose a smaller policy.',
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
  'vault.given-up': entry(
    409,
    'refused',
    'No node stores vault {vaultId} any more: its agreements have ended, and its data is deleted.',
    'Begin a new vault in another home (HOLDFAST_HOME=… holdfast init, or --home), and back up to that.',
  ),
  'vault.too-many': entry(
    409,
    'refused',
    'You have {limit} vaults already, which is the limit.',
    'Use one of them: a vault takes any number of directories and machines.',
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
    'Move catalog.sqlite out of the home of Holdfast and run the command again, which reads the index anew; holdfast check says what is there.',
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
};
