/**
 * What follows from a period's secret: its published hash, each challenge's nonce and moment, and the seed of its samples.
 * The mediator is bound to all of it before the period begins, so it can pick on nobody.
 */
import { fromHex, toHex } from '../bytes.ts';
import type { NodeId } from '../ids.ts';
import { DrawStream, sha256, u64Bytes } from './draws.ts';
import { badArgument } from './merkle-tree.ts';

export const PERIOD_SECRET_BYTES = 32;

/** One node in one period. */
export interface NodePeriod {
  /** 32 bytes, drawn at random before the period and kept secret until its end. */
  readonly secret: Uint8Array;
  readonly nodeId: NodeId;
  readonly periodStartMs: number;
}

function derive(
  tag: string,
  { secret, nodeId, periodStartMs }: NodePeriod,
  ...more: Uint8Array[]
): Uint8Array<ArrayBuffer> {
  if (secret.length !== PERIOD_SECRET_BYTES) throw badArgument(`a period secret of ${secret.length} bytes.`);
  return sha256(`holdfast ${tag} v1\0`, secret, fromHex(nodeId, 32), u64Bytes(periodStartMs), ...more);
}

/** What a `period-commitment` publishes: 64 hex digits. */
export const periodSecretHash = (secret: Uint8Array): string => toHex(sha256('holdfast period secret v1\0', secret));

/**
 * The nonce of a node's challenge, 64 hex digits.
 * @param number 0 for the first challenge of the node in this period, 1 for a second one (a retry is the same challenge).
 */
export const challengeNonce = (period: NodePeriod, number = 0): string =>
  toHex(derive('challenge nonce', period, u64Bytes(number)));

/** When the node is challenged: milliseconds after the period's start, from 0 up to and without `spanMs`. */
export const challengeOffsetMs = (period: NodePeriod, spanMs: number): number =>
  new DrawStream(derive('challenge moment', period)).below(spanMs);

/** Seed of the leaves that are drawn from all bytes of the node. */
export const sampleSeed = (period: NodePeriod, nonce: string): Uint8Array =>
  derive('challenge samples', period, fromHex(nonce, 32));

/** Seed of the leaf that one agreement shows. */
export const agreementSeed = (period: NodePeriod, nonce: string, agreementId: string): Uint8Array =>
  derive('challenge agreement', period, fromHex(nonce, 32), sha256(agreementId));
