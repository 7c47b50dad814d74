/**
 * Signed messages: type tag ‖ version ‖ network ‖ mediator id ‖ body, Ed25519 over all of it.
 * On the wire a message is one token: base64url(that ‖ signature). No signature serves two purposes.
 */
import { createHash } from 'node:crypto';
import { concatBytes, fromBase64Url, fromHex, toBase64Url } from './bytes.ts';
import { type Field, MalformedError, Reader, type ValueOf, Writer } from './canonical.ts';
import { fail, HoldfastError } from './errors.ts';
import { type SigningKey, verifySignature } from './signing.ts';

export const NETWORKS = ['mainnet', 'testnet', 'signet', 'regtest'] as const;
export type Network = (typeof NETWORKS)[number];

/** What every signature is bound to. */
export interface SigningContext {
  readonly network: Network;
  /** The mediator's Ed25519 public key, 64 hex digits. */
  readonly mediatorId: string;
}

export interface MessageType<Body> {
  readonly tag: string;
  readonly version: number;
  readonly body: Field<Body>;
  /** The field that holds the signer's public key, or the mediator. */
  readonly signer: (body: Body, context: SigningContext) => string;
  /** A token longer than this is refused unread. */
  readonly maxTokenLength: number;
}

const MAGIC = Buffer.from('holdfast\0', 'latin1');
const SIGNATURE_BYTES = 64;

export function messageType<F extends Field<never> | Field<unknown>>(definition: {
  tag: string;
  version: number;
  body: F;
  signer: (body: ValueOf<F>, context: SigningContext) => string;
  maxTokenLength?: number;
}): MessageType<ValueOf<F>> {
  return { maxTokenLength: 8192, ...definition, body: definition.body as Field<ValueOf<F>> };
}

function header<Body>(type: MessageType<Body>, context: SigningContext): Uint8Array {
  const writer = new Writer();
  writer.raw(MAGIC);
  writer.uint(type.tag.length, 1);
  writer.raw(Buffer.from(type.tag, 'latin1'));
  writer.uint(type.version, 1);
  writer.uint(NETWORKS.indexOf(context.network), 1);
  writer.raw(fromHex(context.mediatorId, 32));
  return writer.finish();
}

/** Signs `body`. The caller's key must be the one that the body names as signer. */
export function signMessage<Body>(
  type: MessageType<Body>,
  context: SigningContext,
  body: Body,
  key: SigningKey,
): string {
  const writer = new Writer();
  writer.raw(header(type, context));
  try {
    type.body.write(writer, body);
  } catch (error) {
    throw asMalformed(type, error);
  }
  const bytes = writer.finish();
  return toBase64Url(concatBytes(bytes, key.sign(bytes)));
}

/**
 * Decodes a token and verifies its signature, type, version, network and mediator.
 * @throws HoldfastError `message.malformed`, `message.wrong-context`, `message.bad-signature`
 */
export function openMessage<Body>(type: MessageType<Body>, context: SigningContext, token: string): Body {
  if (token.length > type.maxTokenLength) throw malformed(type, `longer than ${type.maxTokenLength} characters`);
  const bytes = tokenBytes(type, token);
  const signed = bytes.subarray(0, bytes.length - SIGNATURE_BYTES);
  const reader = new Reader(signed);
  const expected = header(type, context);
  let body: Body;
  try {
    const found = reader.raw(expected.length);
    const typed = expected.length - 33;
    if (Buffer.compare(found.subarray(0, typed), expected.subarray(0, typed)) !== 0)
      throw malformed(type, 'it is of another type or version');
    if (Buffer.compare(found, expected) !== 0) throw fail('message.wrong-context', { type: type.tag });
    body = type.body.read(reader);
    reader.end();
  } catch (error) {
    throw asMalformed(type, error);
  }
  if (!verifySignature(fromHex(type.signer(body, context), 32), signed, bytes.subarray(signed.length))) {
    throw fail('message.bad-signature', { type: type.tag });
  }
  return body;
}

/** SHA-256 over the whole message with its signature: how messages name each other. 64 hex digits. */
export const messageHash = (token: string): string => createHash('sha256').update(fromBase64Url(token)).digest('hex');

function tokenBytes<Body>(type: MessageType<Body>, token: string): Uint8Array {
  try {
    const bytes = fromBase64Url(token);
    if (bytes.length > SIGNATURE_BYTES) return bytes;
  } catch {
    // told apart below
  }
  throw malformed(type, 'it is no base64url token');
}

const malformed = (type: { tag: string }, detail: string): HoldfastError =>
  fail('message.malformed', { type: type.tag, detail });

const asMalformed = (type: { tag: string }, error: unknown): unknown =>
  error instanceof MalformedError || (error instanceof HoldfastError && error.code.startsWith('input.'))
    ? malformed(type, error.message)
    : error;
