/** Errors of the link between a node and the mediator. */
import { entry } from './entry.ts';

export const LINK_ERRORS = {
  'link.malformed': entry(
    400,
    'integrity',
    'A message of the link is malformed: {detail}',
    'Update both sides to the same version; if that does not help, report it.',
  ),
  'link.wrong-protocol': entry(
    426,
    'refused',
    'The link speaks protocol {spoken}; here it is {wanted}.',
    'Update the older side; what is stored stays safe meanwhile.',
  ),
  'link.out-of-turn': entry(
    409,
    'failure',
    'The message {type} came out of turn.',
    'Say hello first, once, then the rest; report it when this is an unchanged node.',
  ),
  'link.replaced': entry(
    409,
    'refused',
    'Another connection of the same node has taken over.',
    'Check that no two nodes use one identity or one data directory.',
  ),
  'link.too-slow': entry(
    503,
    'unavailable',
    'The other side does not read: {pendingBytes} bytes wait for it.',
    'Look at the line and the load of the machine; the node connects again by itself.',
  ),
  'link.closing': entry(
    503,
    'unavailable',
    'The mediator stops here; another of its processes, or the next one, goes on.',
    'Nothing to do: the node connects again by itself.',
  ),
  'link.closed': entry(
    503,
    'unavailable',
    'The link to the mediator broke: {detail}',
    'Nothing to do: the node connects again by itself. When it happens often, look at the line.',
  ),
} as const;
