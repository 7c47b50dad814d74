/** The newest head of a vault among the mediator's and the nodes' copies: no single party can show an old one unnoticed. */
import type { NodeId } from '@holdfast/protocol';
import type { ClientContext, NodeTarget } from '../ports.ts';
import { openHeadMessage, type VaultHead } from '../vault/index.ts';

export interface NewestHead {
  /** Undefined when nothing was ever backed up. */
  readonly head: VaultHead | undefined;
  /** The node that has it; undefined when the mediator has it too. */
  readonly fromNode: NodeId | undefined;
  /** The mediator's sequence; 0 when it has no head, or none that is valid. */
  readonly mediatorSequence: number;
  readonly nodesAsked: number;
  /** How many gave a valid head. */
  readonly nodesAnswered: number;
}

const NODE_TIMEOUT_MS = 5_000;
/** Pack ids are random: the first thousand lie with about every node that the vault uses. */
const PACKS_LOOKED_AT = 1000;

/** @throws HoldfastError when the mediator's head is no valid one and no node has one that is */
export async function findNewestHead(context: ClientContext, signal: AbortSignal): Promise<NewestHead> {
  const token = await context.mediator.getHead();
  const own = token === undefined ? undefined : tryOpen(context, token);
  const targets = await nodesWithGrants(context);
  const copies = await Promise.all(targets.map((target) => copyOf(context, target, signal)));
  let newest = own instanceof Error ? undefined : own;
  const mediatorSequence = newest?.sequence ?? 0;
  let fromNode: NodeId | undefined;
  for (const [index, copy] of copies.entries()) {
    if (copy === undefined || copy.sequence <= (newest?.sequence ?? 0)) continue;
    newest = copy;
    fromNode = targets[index]!.nodeId;
  }
  if (newest === undefined && own instanceof Error) throw own;
  const nodesAnswered = copies.filter((copy) => copy !== undefined).length;
  return { head: newest, fromNode, mediatorSequence, nodesAsked: targets.length, nodesAnswered };
}

/** Nodes that hold shards of the vault, with grants to read there. */
async function nodesWithGrants({ mediator }: ClientContext): Promise<NodeTarget[]> {
  const packIds: string[] = [];
  for await (const packId of mediator.listPacks()) {
    packIds.push(packId);
    if (packIds.length === PACKS_LOOKED_AT) break;
  }
  const places = packIds.length === 0 ? [] : await mediator.locatePacks(packIds);
  const targets = places.flatMap(({ shards }) => shards.map(({ target }) => target));
  return [...new Map(targets.map((target) => [target.nodeId, target])).values()].filter(({ grant }) => grant !== '');
}

/** Best effort: a node that is away or has nothing to say is passed over. */
async function copyOf(context: ClientContext, target: NodeTarget, signal: AbortSignal): Promise<VaultHead | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(NODE_TIMEOUT_MS)]);
  try {
    return openHeadMessage(context, await context.nodes.getHeadCopy(target, context.vaultId, limit));
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    context.logger.debug({ nodeId: target.nodeId, detail }, 'a node gave no copy of the head');
    return undefined;
  }
}

function tryOpen(context: ClientContext, token: string): VaultHead | Error {
  try {
    return openHeadMessage(context, token);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}
