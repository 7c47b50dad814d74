import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ValueOf } from '../canonical.ts';
import { signMessage } from '../message.ts';
import { challenge, MAX_CHALLENGE_LEAVES, SAMPLE_REASONS } from '../messages/challenges.ts';
import { issueChallenge, openChallenge } from './issue-challenge.ts';
import { compareSamples, distinctSamples, type Sample } from './samples.ts';
import { codeOf, context, mediatorKey, nodeId, nodeKey, terms } from './test-world.ts';

const id = (byte: number): string => byte.toString(16).padStart(2, '0').repeat(32);
const sample = (client: number, pack: number, shardIndex: number, leafIndex: number): Sample => ({
  clientId: id(client),
  packId: id(pack),
  shardIndex,
  lengthBytes: 131_072,
  leafIndex,
  reason: 'drawn',
  lineStart: 64,
});
const anySample = fc
  .tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(127), fc.constantFrom(...SAMPLE_REASONS))
  .map(([client, pack, shardIndex, leafIndex, reason]): Sample => {
    const { lineStart, ...about } = sample(client, pack, shardIndex, leafIndex);
    return reason === 'drawn' ? { ...about, reason, lineStart: lineStart! } : { ...about, reason };
  });

describe('a challenge', () => {
  test('opens to its leaves, each once and in order', () => {
    fc.assert(
      fc.property(fc.array(anySample, { minLength: 1, maxLength: 60 }), (samples) => {
        const opened = openChallenge(context, issueChallenge(context, terms, samples, mediatorKey), nodeId);
        expect(opened.samples).toEqual(distinctSamples(samples));
        expect(opened.terms).toEqual(terms);
      }),
    );
  });
  test('of the largest size is still a message that can be sent', () => {
    const samples = Array.from({ length: MAX_CHALLENGE_LEAVES }, (_, at) => ({
      ...sample(at & 0xff, at >> 8, 39, at),
      lengthBytes: 64 * 1024 * 1024,
    }));
    const token = issueChallenge(context, terms, samples, mediatorKey);
    expect(token.length).toBeLessThan(challenge.maxTokenLength);
    expect(openChallenge(context, token).samples).toEqual(samples.toSorted(compareSamples));
    expect(codeOf(() => issueChallenge(context, terms, [...samples, sample(255, 255, 1, 1)], mediatorKey))).toBe(
      'codec.bad-argument',
    );
  });
  test('without leaves, or with one shard in two lengths, is not issued', () => {
    const twice = [sample(1, 1, 1, 1), { ...sample(1, 1, 1, 2), lengthBytes: 65_536 }];
    expect(codeOf(() => issueChallenge(context, terms, [], mediatorKey))).toBe('codec.bad-argument');
    expect(codeOf(() => issueChallenge(context, terms, twice, mediatorKey))).toBe('codec.bad-argument');
    expect(codeOf(() => issueChallenge(context, terms, [sample(1, 1, 40, 1)], mediatorKey))).toBe('message.malformed');
  });
  test('is for the node that it names, and from the mediator', () => {
    const token = issueChallenge(context, terms, [sample(1, 1, 1, 1)], mediatorKey);
    expect(codeOf(() => openChallenge(context, token, id(9)))).toBe('challenge.not-for-us');
    const body = { ...terms, clients: [] };
    expect(codeOf(() => openChallenge(context, signMessage(challenge, context, body, nodeKey)))).toBe(
      'message.bad-signature',
    );
  });
});

type Clients = ValueOf<typeof challenge.body>['clients'];
const shard = (pack: number, leaves: number[], lengthBytes = 131_072): Clients[number]['shards'][number] => ({
  packId: id(pack),
  shardIndex: 1,
  lengthBytes,
  lineStart: 0,
  leaves: leaves.map((leafIndex) => ({ leafIndex, reason: 'drawn' as const })),
});

test.each<[string, Clients]>([
  ['no client', []],
  ['a client without shards', [{ clientId: id(1), shards: [] }]],
  ['a shard without leaves', [{ clientId: id(1), shards: [shard(1, [])] }]],
  ['a client twice', [1, 2].map((pack) => ({ clientId: id(1), shards: [shard(pack, [1])] }))],
  ['clients out of order', [2, 1].map((client) => ({ clientId: id(client), shards: [shard(1, [1])] }))],
  ['a shard twice', [{ clientId: id(1), shards: [shard(1, [1]), shard(1, [2])] }]],
  ['shards out of order', [{ clientId: id(1), shards: [shard(2, [1]), shard(1, [2])] }]],
  ['a leaf twice', [{ clientId: id(1), shards: [shard(1, [1, 1])] }]],
  ['leaves out of order', [{ clientId: id(1), shards: [shard(1, [2, 1])] }]],
  ['a leaf beyond the shard', [{ clientId: id(1), shards: [shard(1, [128])] }]],
  ['a shard of no bytes', [{ clientId: id(1), shards: [shard(1, [0], 0)] }]],
  ['a shard that is no multiple of 64 KiB', [{ clientId: id(1), shards: [shard(1, [0], 65_537)] }]],
  ['a shard above 64 MiB', [{ clientId: id(1), shards: [shard(1, [0], 64 * 1024 * 1024 + 65_536)] }]],
  [
    'more leaves than the limit',
    [1, 2].map((client) => ({
      clientId: id(client),
      shards: [shard(1, [...Array(2049).keys()], 64 * 1024 * 1024)],
    })),
  ],
])('a signed challenge with %s is malformed', (_, clients) => {
  const token = signMessage(challenge, context, { ...terms, clients }, mediatorKey);
  expect(codeOf(() => openChallenge(context, token))).toBe('message.malformed');
});

test('a deadline must come after the challenge', () => {
  const body = { ...terms, deadlineAtMs: terms.issuedAtMs, clients: [{ clientId: id(1), shards: [shard(1, [1])] }] };
  expect(codeOf(() => openChallenge(context, signMessage(challenge, context, body, mediatorKey)))).toBe(
    'message.malformed',
  );
});
