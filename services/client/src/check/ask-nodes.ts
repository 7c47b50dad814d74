/** Judges packs without reading them: each node says which root and length it has for each shard. */
import { HoldfastError } from '@holdfast/protocol';
import type { ClientContext, PackPlaces } from '../ports.ts';
import { AWAY, type AwayNodes, type Fault, faultOf, isAboutGrant } from '../restore/index.ts';
import { throwIfStopped } from '../transport/index.ts';

export interface AskNodesDeps {
  readonly nodes: Pick<ClientContext['nodes'], 'headShard' | 'getShard'>;
  readonly away: AwayNodes;
  readonly signal: AbortSignal;
}

/** By shard index: what is wrong; undefined: the node says what it should. */
export async function askNodes(
  deps: AskNodesDeps,
  places: PackPlaces,
  grantsAreFresh: boolean,
): Promise<(Fault | undefined)[]> {
  return Promise.all(places.shards.map((_, shardIndex) => askNode(deps, places, shardIndex, grantsAreFresh)));
}

/** @throws HoldfastError `grant.*` when the grants should be renewed, `client.interrupted` */
async function askNode(
  { nodes, away, signal }: AskNodesDeps,
  { packId, shards, shardLengthBytes }: PackPlaces,
  shardIndex: number,
  grantsAreFresh: boolean,
): Promise<Fault | undefined> {
  const { target, root } = shards[shardIndex]!;
  const blame = (what: Pick<Fault, 'kind' | 'detail'>): Fault => ({
    nodeId: target.nodeId,
    packId,
    shardIndex,
    ...what,
  });
  throwIfStopped(signal);
  if (away.isAway(target.nodeId)) return blame(AWAY);
  try {
    const said = await nodes.headShard(target, { packId, shardIndex }, signal);
    away.answered(target.nodeId);
    if (said.lengthBytes !== shardLengthBytes) {
      const detail = `The node has ${said.lengthBytes} bytes of a shard of ${shardLengthBytes}.`;
      return blame({ kind: 'wrong-length', detail });
    }
    if (said.root !== root) return blame({ kind: 'wrong-bytes', detail: 'The node has a shard with another root.' });
    return undefined;
  } catch (error) {
    const name = { packId, shardIndex };
    const reason = await reasonOf(error, () => nodes.getShard(target, name, shardLengthBytes, BYTE));
    throwIfStopped(signal);
    if (isAboutGrant(reason) && !grantsAreFresh) throw reason;
    const fault = faultOf(reason);
    away.note(target.nodeId, fault.kind);
    return blame(fault);
  }
}

const BYTE = { range: { offset: 0, lengthBytes: 1 } };

/** The answer to a HEAD has no body that could say what is wrong; that to a GET of one byte has. */
async function reasonOf(error: unknown, ask: () => Promise<unknown>): Promise<unknown> {
  if (!(error instanceof HoldfastError) || error.code !== 'remote.unexpected') return error;
  try {
    await ask();
    return error;
  } catch (reason) {
    return reason;
  }
}
