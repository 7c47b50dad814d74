/** Writes a challenge and reads it back: signed, its leaves grouped by client and shard so that nothing is said twice. */
import type { ValueOf } from '../canonical.ts';
import { fail, type HoldfastError } from '../errors.ts';
import { GROUP_BYTES, MAX_SHARD_BYTES, MAX_SHARDS } from '../limits.ts';
import { messageHash, openMessage, signMessage, type SigningContext } from '../message.ts';
import { challenge, MAX_CHALLENGE_LEAVES } from '../messages/challenges.ts';
import type { SigningKey } from '../signing.ts';
import { leafCountOf } from './leaf-proof.ts';
import { badArgument } from './merkle-tree.ts';
import { compareSamples, distinctSamples, type Sample, sameShard } from './samples.ts';

type ChallengeBody = ValueOf<typeof challenge.body>;
type SampledClient = ChallengeBody['clients'][number];

/** Everything that a challenge says beside its leaves. */
export type ChallengeTerms = Omit<ChallengeBody, 'clients'>;

/** A challenge whose signature, limits and order were verified. */
export interface OpenChallenge {
  readonly terms: ChallengeTerms;
  /** messageHash of the challenge. */
  readonly hash: string;
  /** The leaves to show, in the order of the answer. */
  readonly samples: readonly Sample[];
}

/**
 * Signs a challenge over these leaves.
 * @param samples any order; a leaf that stands there twice is asked once.
 * @throws HoldfastError `codec.bad-argument` without a leaf or with more than MAX_CHALLENGE_LEAVES.
 */
export function issueChallenge(
  context: SigningContext,
  terms: ChallengeTerms,
  samples: readonly Sample[],
  key: SigningKey,
): string {
  const distinct = distinctSamples(samples);
  if (distinct.length === 0 || distinct.length > MAX_CHALLENGE_LEAVES) {
    throw badArgument(`a challenge of ${distinct.length} leaves.`);
  }
  const token = signMessage(challenge, context, { ...terms, clients: grouped(distinct) }, key);
  openChallenge(context, token); // nobody is sent what they must refuse
  return token;
}

function grouped(samples: readonly Sample[]): SampledClient[] {
  const clients: SampledClient[] = [];
  for (const [at, sample] of samples.entries()) {
    const { clientId, packId, shardIndex, lengthBytes, leafIndex, reason } = sample;
    const before = samples[at - 1];
    if (before?.clientId !== clientId) clients.push({ clientId, shards: [] });
    const { shards } = clients.at(-1)!;
    if (before === undefined || !sameShard(before, sample)) {
      shards.push({ packId, shardIndex, lengthBytes, lineStart: 0, leaves: [] });
    } else if (before.lengthBytes !== lengthBytes) {
      throw badArgument('a shard with two lengths.');
    }
    shards.at(-1)!.leaves.push({ leafIndex, reason });
    if (reason === 'drawn') shards.at(-1)!.lineStart = sample.lineStart ?? 0;
  }
  return clients;
}

/**
 * Opens a challenge and verifies that it keeps the limits: each leaf once, in order, inside its shard.
 * @param nodeId where given: the node that it must be for.
 * @throws HoldfastError `message.malformed`, `message.wrong-context`, `message.bad-signature`, `challenge.not-for-us`.
 */
export function openChallenge(context: SigningContext, token: string, nodeId?: string): OpenChallenge {
  const { clients, ...terms } = openMessage(challenge, context, token);
  if (nodeId !== undefined && terms.nodeId !== nodeId) throw fail('challenge.not-for-us', { nodeId: terms.nodeId });
  if (terms.deadlineAtMs <= terms.issuedAtMs) throw malformed('a deadline before its beginning');
  const samples: Sample[] = [];
  for (const { clientId, shards } of clients) {
    if (shards.length === 0) throw malformed('a client without shards');
    if (samples.at(-1)?.clientId === clientId) throw malformed('a client in two places');
    for (const shard of shards) addShard(samples, clientId, shard);
  }
  if (samples.length === 0) throw malformed('no leaves');
  return { terms, hash: messageHash(token), samples };
}

function addShard(samples: Sample[], clientId: string, shard: SampledClient['shards'][number]): void {
  const { packId, shardIndex, lengthBytes, lineStart, leaves } = shard;
  if (leaves.length === 0) throw malformed('a shard without leaves');
  if (shardIndex >= MAX_SHARDS) throw malformed(`a shard index of ${shardIndex}`);
  if (lengthBytes === 0 || lengthBytes > MAX_SHARD_BYTES || lengthBytes % GROUP_BYTES !== 0) {
    throw malformed(`a shard of ${lengthBytes} bytes`);
  }
  const last = samples.at(-1);
  if (last !== undefined && sameShard(last, { clientId, packId, shardIndex })) throw malformed('a shard in two places');
  for (const { leafIndex, reason } of leaves) {
    if (leafIndex >= leafCountOf(lengthBytes)) throw malformed(`leaf ${leafIndex} of ${leafCountOf(lengthBytes)}`);
    const about = { clientId, packId, shardIndex, lengthBytes, leafIndex, reason };
    const sample = reason === 'drawn' ? { ...about, lineStart } : about;
    const before = samples.at(-1);
    if (before !== undefined && compareSamples(before, sample) >= 0) throw malformed('leaves out of order');
    if (samples.push(sample) > MAX_CHALLENGE_LEAVES) throw malformed(`more than ${MAX_CHALLENGE_LEAVES} leaves`);
  }
}

const malformed = (detail: string): HoldfastError => fail('message.malformed', { type: challenge.tag, detail });
