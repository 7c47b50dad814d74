/** Writes text messages of the link; nobody sends what the other side must refuse. */
import { fail } from '../errors.ts';
import { MAX_TEXT_FROM_NODE_BYTES, MAX_TEXT_TO_NODE_BYTES } from './limits.ts';
import type { FromNode, ToNode } from './messages.ts';

/** @throws HoldfastError `input.too-large` */
export const encodeFromNode = (message: FromNode): string => encode(message, MAX_TEXT_FROM_NODE_BYTES);

/** @throws HoldfastError `input.too-large` */
export const encodeToNode = (message: ToNode): string => encode(message, MAX_TEXT_TO_NODE_BYTES);

function encode(message: object, maxBytes: number): string {
  const text = JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  if (text.length > maxBytes) throw fail('input.too-large', { what: 'message', limit: `${maxBytes} bytes` });
  return text;
}
