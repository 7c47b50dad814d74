/** Errors of what parties say to each other: requests, signed messages, sign-in, grants, receipts, and the other side itself. */
import { entry } from './entry.ts';

export const EXCHANGE_ERRORS = {
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
};
