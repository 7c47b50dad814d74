/** Whatever is written is read as it was; whatever arrives is a whole message or a refusal, within its bounds. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HoldfastError } from '../errors.ts';
import {
  decodeFromNode,
  decodeToNode,
  encodeFromNode,
  encodeToNode,
  type FromNode,
  MAX_LINK_LOSSES,
  MAX_LINK_ORDERS,
  MAX_MESSAGE_SHARDS,
  MAX_TEXT_FROM_NODE_BYTES,
  MAX_TEXT_TO_NODE_BYTES,
  MAX_TO_SIGN,
  MAX_UNCOMMITTED,
  type ToNode,
} from './index.ts';

const hex = (bytes: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const whole = fc.maxSafeNat();
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,300}$/);
const shortText = fc.string({ maxLength: 64 });
const figures = { usedBytes: whole, freeBytes: whole, carriedOutOrder: whole };
const of = <const Type extends string>(type: Type) => fc.constant(type);

const fromNode: fc.Arbitrary<FromNode> = fc.oneof(
  fc.record({ type: of('hello'), protocol: whole, version: shortText, ...figures }),
  fc.record({ type: of('heartbeat'), beat: whole, ...figures }),
  fc.record({
    type: of('carried-out'),
    order: whole,
    uncommitted: fc.array(fc.record({ uploadId: hex(16), sizeBytes: whole, lainMs: whole }), { maxLength: 5 }),
  }),
  fc.record({ type: of('loss-report'), token }),
  fc.record({ type: of('signed'), what: fc.constantFrom('agreement', 'amendment'), token }),
);

const order = fc.oneof(
  fc.record({
    order: whole,
    kind: fc.constantFrom('committed' as const, 'delete' as const),
    clientId: hex(32),
    shards: fc.array(fc.tuple(hex(32), fc.nat(39)), { maxLength: 20 }),
  }),
  fc.record({ order: whole, kind: of('discard-upload'), uploadId: hex(16) }),
);
const complaint = {
  code: shortText,
  params: fc.dictionary(fc.stringMatching(/^[a-z]{1,20}$/), fc.string({ maxLength: 300 }), {
    maxKeys: 8,
    noNullPrototype: true,
  }),
};
const toNode: fc.Arbitrary<ToNode> = fc.oneof(
  fc.record({ type: of('welcome'), timeMs: whole, heartbeatMs: whole, periodMs: whole }),
  fc.record({ type: of('orders'), beat: whole, orders: fc.array(order, { maxLength: 20 }) }),
  fc.record({ type: of('challenge'), token }),
  fc.record({ type: of('accepted'), challengeId: hex(16), proofHash: hex(32) }),
  fc.record({ type: of('verdict'), token }),
  fc.record({
    type: of('sign'),
    agreements: fc.array(
      fc.record({
        agreementId: hex(16),
        clientId: hex(32),
        vaultId: hex(16),
        mandateHash: hex(32),
        priceSatPerTbMonth: fc.bigInt({ min: 0n, max: 10n ** 18n }),
        commissionPpm: fc.nat(1_000_000),
        periodMs: whole,
        startsAtMs: whole,
        endsAtMs: whole,
      }),
      { maxLength: 5 },
    ),
    amendments: fc.array(
      fc.record({ agreementId: hex(16), clientId: hex(32), effectiveAtMs: whole, storedBytes: whole }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: of('noted'), of: shortText }),
  fc.record({ type: of('refused'), of: shortText, ...complaint }),
  fc.record({ type: of('bye'), ...complaint }),
);

const EXPECTED = ['link.malformed', 'input.too-large'];
/** Reads or refuses; anything else is a fault of the decoder. */
function readsOrRefuses(decode: (text: string) => unknown, text: string): void {
  try {
    decode(text);
  } catch (error) {
    expect(error).toBeInstanceOf(HoldfastError);
    expect(EXPECTED).toContain((error as HoldfastError).code);
  }
}

describe('a message', () => {
  test('is read as it was written', () => {
    fc.assert(fc.property(fromNode, (message) => expect(decodeFromNode(encodeFromNode(message))).toEqual(message)));
    fc.assert(fc.property(toNode, (message) => expect(decodeToNode(encodeToNode(message))).toEqual(message)));
  });

  test('with a changed character is read or refused, never half read', () => {
    fc.assert(
      fc.property(toNode, fc.nat(), fc.string({ maxLength: 4 }), (message, at, insert) => {
        const text = encodeToNode(message);
        const place = at % text.length;
        readsOrRefuses(decodeToNode, text.slice(0, place) + insert + text.slice(place + 1));
      }),
    );
  });

  test('of another type, or with other fields, is refused', () => {
    fc.assert(
      fc.property(
        fromNode,
        fc.constantFrom('type', ...Object.keys(figures), 'token', 'extra'),
        fc.jsonValue(),
        (message, name, value) => {
          const text = JSON.stringify({ ...message, [name]: value });
          readsOrRefuses(decodeFromNode, text);
          if (name === 'extra') expect(() => decodeFromNode(text)).toThrow('is not a field of it');
        },
      ),
    );
  });

  test('may be any text: it is read or refused', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => readsOrRefuses(decodeFromNode, text)));
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => readsOrRefuses(decodeToNode, text)));
  });

  test.each([
    ['nothing', ''],
    ['deep nesting', '['.repeat(MAX_TEXT_FROM_NODE_BYTES)],
    ['deep nesting in a field', `{"type":"hello","version":${'['.repeat(60_000)}`],
    ['a list', '[]'],
    ['null', 'null'],
    ['no type', '{}'],
    ['a type of the language', '{"type":"constructor"}'],
    ['a type that is none', '{"type":["hello"]}'],
    ['a prototype', '{"type":"carried-out","order":1,"uncommitted":[],"__proto__":{"order":2}}'],
    ['half a number', '{"type":"carried-out","order":1.5,"uncommitted":[]}'],
    ['a negative number', '{"type":"carried-out","order":-1,"uncommitted":[]}'],
    ['a number too large', '{"type":"carried-out","order":9007199254740993,"uncommitted":[]}'],
    ['a number as text', '{"type":"carried-out","order":"1","uncommitted":[]}'],
    [
      'half an answer',
      '{"type":"carried-out","order":1,"uncommitted":[{"uploadId":"00000000000000000000000000000000"}]}',
    ],
    ['a field too few', '{"type":"heartbeat","beat":1}'],
    ['a token with other signs', '{"type":"loss-report","token":"a+b"}'],
  ])('is refused: %s', (_, text) => {
    expect(() => decodeFromNode(text)).toThrow(expect.objectContaining({ code: 'link.malformed' }));
  });

  test('that is too long is refused unread', () => {
    const tooLong = expect.objectContaining({ code: 'input.too-large' });
    expect(() => decodeFromNode(' '.repeat(MAX_TEXT_FROM_NODE_BYTES + 1))).toThrow(tooLong);
    expect(() => decodeToNode(' '.repeat(MAX_TEXT_TO_NODE_BYTES + 1))).toThrow(tooLong);
    expect(() => encodeFromNode({ type: 'loss-report', token: 'a'.repeat(MAX_TEXT_FROM_NODE_BYTES) })).toThrow(tooLong);
  });
});

describe('the largest', () => {
  const id = 'f'.repeat(64);
  const many = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value);
  const order = Number.MAX_SAFE_INTEGER;

  test('messages to a node fit', () => {
    const shards = many(MAX_MESSAGE_SHARDS / MAX_LINK_ORDERS, [id, 39] as const);
    const orders = many(MAX_LINK_ORDERS, { order, kind: 'committed', clientId: id, shards } as const);
    expect(decodeToNode(encodeToNode({ type: 'orders', beat: order, orders }))).toMatchObject({ orders });
    const one = { order, kind: 'delete', clientId: id, shards: many(MAX_MESSAGE_SHARDS, [id, 39] as const) } as const;
    expect(() => decodeToNode(encodeToNode({ type: 'orders', beat: 0, orders: [one] }))).not.toThrow();
    const agreement = {
      agreementId: id.slice(32),
      clientId: id,
      vaultId: id.slice(32),
      mandateHash: id,
      priceSatPerTbMonth: 10n ** 29n,
      commissionPpm: 1_000_000,
      periodMs: order,
      startsAtMs: order,
      endsAtMs: order,
    };
    const agreements = many(MAX_TO_SIGN, agreement);
    expect(() => decodeToNode(encodeToNode({ type: 'sign', agreements, amendments: [] }))).not.toThrow();
  });

  test('of orders with more shards than a message may have is refused', () => {
    const shards = many(MAX_MESSAGE_SHARDS / 2 + 1, [id, 0] as const);
    const orders = many(2, { order, kind: 'committed', clientId: id, shards } as const);
    expect(() => decodeToNode(encodeToNode({ type: 'orders', beat: 0, orders }))).toThrow(
      expect.objectContaining({ code: 'link.malformed' }),
    );
  });

  test('list of discarded uploads fits, and a longer one is refused', () => {
    const lay = { uploadId: id.slice(32), sizeBytes: order, lainMs: order };
    const said = (count: number) => ({ type: 'carried-out', order, uncommitted: many(count, lay) }) as const;
    expect(() => decodeFromNode(encodeFromNode(said(MAX_UNCOMMITTED)))).not.toThrow();
    expect(() => decodeFromNode(encodeFromNode(said(MAX_UNCOMMITTED + 1)))).toThrow(
      expect.objectContaining({ code: 'link.malformed' }),
    );
  });

  test('loss report of a link fits', () => {
    const tokenBytes = 400 + 65 * MAX_LINK_LOSSES;
    const token = 'a'.repeat(Math.ceil((tokenBytes * 4) / 3));
    expect(() => decodeFromNode(encodeFromNode({ type: 'loss-report', token }))).not.toThrow();
  });
});
