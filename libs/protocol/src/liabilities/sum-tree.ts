/**
 * The Merkle-sum tree of what a mediator owes: every node commits to the hashes and to the sums of both its children, so
 * that nobody's amount can be left out, made smaller or made negative without a proof that fails. Section "Liabilities"
 * of docs/protocol.md.
 */
import { createHash } from 'node:crypto';
import { fromHex } from '../bytes.ts';
import { Writer } from '../canonical.ts';
import { fail } from '../errors.ts';
import type { Msat } from '../units.ts';

/** No leaf and no sum is above this: what fits 8 bytes with a sign, more millisatoshi than there will ever be. */
export const MAX_LIABILITY_MSAT = (1n << 63n) - 1n;
/** Leaves in one tree at most. */
export const MAX_LIABILITY_LEAVES = 0xffff_ffff;
const HASH_BYTES = 32;

const LEAF_TAG = Buffer.from('holdfast v1 liability leaf\0', 'latin1');
const NODE_TAG = Buffer.from('holdfast v1 liability node\0', 'latin1');
const ROOT_TAG = Buffer.from('holdfast v1 liability root\0', 'latin1');

/** To whom something is owed; written as its place in the list, from 1. */
export const CREDITOR_KINDS = ['client', 'node'] as const;
export type CreditorKind = (typeof CREDITOR_KINDS)[number];

/** What is owed to one party, and the salt without which nobody recognises its leaf. */
export interface Liability {
  readonly kind: CreditorKind;
  /** 64 hex digits. */
  readonly ownerId: string;
  readonly amountMsat: Msat;
  /** 32 fresh random bytes for every leaf of every tree, 64 hex digits. */
  readonly salt: string;
}

/** A node of the tree, a leaf among them. */
export interface SumNode {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly sumMsat: bigint;
}

/** What a root stands for. */
export interface SumRoot {
  /** 64 hex digits. */
  readonly root: string;
  readonly totalMsat: bigint;
  readonly leafCount: number;
}

/** @throws HoldfastError `liabilities.bad-tree` when the amount is negative or above MAX_LIABILITY_MSAT */
export function liabilityLeaf({ kind, ownerId, amountMsat, salt }: Liability): SumNode {
  checkSum(amountMsat);
  const hash = createHash('sha256')
    .update(LEAF_TAG)
    .update(fromHex(salt, 32))
    .update(Uint8Array.of(CREDITOR_KINDS.indexOf(kind) + 1))
    .update(fromHex(ownerId, 32))
    .update(eightBytes(amountMsat))
    .digest();
  return { hash, sumMsat: amountMsat };
}

/** @throws HoldfastError `liabilities.bad-tree` when a sum is negative, or both together are above MAX_LIABILITY_MSAT */
export function sumNode(left: SumNode, right: SumNode): SumNode {
  checkSum(left.sumMsat);
  checkSum(right.sumMsat);
  const sumMsat = left.sumMsat + right.sumMsat;
  checkSum(sumMsat);
  const hash = createHash('sha256').update(NODE_TAG);
  for (const child of [left, right]) hash.update(eightBytes(child.sumMsat)).update(child.hash);
  return { hash: hash.digest(), sumMsat };
}

/** The root over the topmost node; without one, that nothing is owed to anybody. */
export function sumRoot(top: SumNode | undefined, leafCount: number): SumRoot {
  const totalMsat = top?.sumMsat ?? 0n;
  const count = new Writer();
  count.uint(leafCount, 4);
  const root = createHash('sha256')
    .update(ROOT_TAG)
    .update(count.finish())
    .update(eightBytes(totalMsat))
    .update(top?.hash ?? new Uint8Array(HASH_BYTES))
    .digest('hex');
  return { root, totalMsat, leafCount };
}

/**
 * All levels of the tree, from the leaves up to the top alone; none for no leaves. A node without a neighbour to its
 * right goes up unchanged. The leaves stand in the order of their hashes: since these are salted, a place says nothing
 * about whose it is, and no leaf can stand there twice.
 * @throws HoldfastError `liabilities.bad-tree` for leaves out of order or twice, and for sums out of bounds
 */
export function sumLevels(leaves: readonly SumNode[]): SumNode[][] {
  if (leaves.length === 0) return [];
  if (leaves.length > MAX_LIABILITY_LEAVES) throw badTree(`${leaves.length} leaves are too many`);
  leaves.forEach((leaf, index) => {
    checkSum(leaf.sumMsat);
    if (index > 0 && Buffer.compare(leaves[index - 1]!.hash, leaf.hash) >= 0) {
      throw badTree(`leaf ${index} does not stand behind the one before it by its hash`);
    }
  });
  const levels = [[...leaves]];
  for (let level = levels[0]!; level.length > 1;) {
    const above: SumNode[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const right = level[at + 1];
      above.push(right === undefined ? level[at]! : sumNode(level[at]!, right));
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

/** In which places of their levels, from the leaves up, the siblings on the way of this leaf stand. */
export function siblingPlaces(leafIndex: number, leafCount: number): { level: number; position: number }[] {
  const places: { level: number; position: number }[] = [];
  let position = leafIndex;
  for (let level = 0, width = leafCount; width > 1; level += 1, width = Math.ceil(width / 2)) {
    const sibling = position % 2 === 1 ? position - 1 : position + 1;
    if (sibling < width) places.push({ level, position: sibling });
    position = Math.floor(position / 2);
  }
  return places;
}

function checkSum(sumMsat: bigint): void {
  if (sumMsat < 0n) throw badTree(`a sum of ${sumMsat} msat is below zero`);
  if (sumMsat > MAX_LIABILITY_MSAT) throw badTree(`a sum of ${sumMsat} msat does not fit`);
}

const badTree = (detail: string) => fail('liabilities.bad-tree', { detail });

function eightBytes(sumMsat: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(sumMsat);
  return bytes;
}
