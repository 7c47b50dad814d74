/** Golden vectors: what the tokens of today look like must stay readable for ever. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as protocol from './index.ts';
import {
  createSigningKey,
  fromHex,
  type HoldfastError,
  type MessageType,
  openMessage,
  signMessage,
  type SigningContext,
} from './index.ts';

interface Vectors {
  context: SigningContext;
  /** Signing seeds by name, hex. */
  seeds: Record<string, string>;
  valid: { name: string; type: string; signer: string; body: Record<string, unknown>; token: string }[];
  invalid: { name: string; reason: string; type: string; token: string; code: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/messages.json', import.meta.url), 'utf8'),
  // amounts and byte strings are marked, since JSON has neither
  (_, value: unknown) =>
    typeof value === 'string' && value.startsWith('bigint:')
      ? BigInt(value.slice(7))
      : typeof value === 'string' && value.startsWith('bytes:')
        ? fromHex(value.slice(6))
        : value,
) as Vectors;
const typeNamed = (name: string): MessageType<unknown> =>
  (protocol as unknown as Record<string, MessageType<unknown>>)[name]!;

describe('valid messages', () => {
  test.each(vectors.valid.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const key = createSigningKey(fromHex(vectors.seeds[vector.signer]!, 32));
    expect(signMessage(typeNamed(vector.type), vectors.context, vector.body, key)).toBe(vector.token);
    expect(openMessage(typeNamed(vector.type), vectors.context, vector.token)).toEqual(vector.body);
  });
});

describe('invalid messages', () => {
  test.each(vectors.invalid.map((vector) => [`${vector.name}: ${vector.reason}`, vector] as const))(
    '%s',
    (_, vector) => {
      let code = 'accepted';
      try {
        openMessage(typeNamed(vector.type), vectors.context, vector.token);
      } catch (error) {
        code = (error as HoldfastError).code;
      }
      expect(code).toBe(vector.code);
    },
  );
});
