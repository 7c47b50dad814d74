/** Errors of a storage node. */
import { entry } from './entry.ts';

export const STORAGE_NODE_ERRORS = {
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
};
