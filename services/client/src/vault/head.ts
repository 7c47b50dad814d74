/** Reads and moves the vault's head: signed, sealed, chained by hashes, its sequence never going back. */
import { hostname } from 'node:os';
import { type HeadContent, openHead, sealHead } from '@holdfast/codec';
import { fail, messageHash, openMessage, signMessage, vaultHead, ZERO_32 } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';

export interface VaultHead {
  /** 0 and a hash of zeros: there is none yet. */
  readonly sequence: number;
  readonly hash: string;
  readonly content: HeadContent;
  /** The signed message; undefined when there is none yet. */
  readonly token: string | undefined;
}

type HeadContext = Pick<ClientContext, 'keys' | 'signing' | 'signingKey' | 'clientId' | 'vaultId'>;

/** The newest sequence that this machine has seen, and its hash: a mediator cannot show it an older one unnoticed. */
const SEEN_HEAD = 'seen-head';

/**
 * The head at the mediator, verified and opened.
 * @throws HoldfastError `head.rollback`, `codec.wrong-key`, `message.…`
 */
export async function readHead(
  context: HeadContext & Pick<ClientContext, 'mediator' | 'catalog' | 'config'>,
): Promise<VaultHead> {
  const token = await context.mediator.getHead();
  const head = token === undefined ? noHead(context.config.machineId) : openHeadMessage(context, token);
  const [sequence, hash] = context.catalog.getFact(SEEN_HEAD)?.split(' ') ?? ['0', ZERO_32];
  const current = Number(sequence);
  if (head.sequence < current || (head.sequence === current && head.hash !== hash)) {
    throw fail('head.rollback', { current, given: head.sequence });
  }
  rememberHead(context, head);
  return head;
}

/** Verifies a head that came from anywhere, a node's copy for instance. @throws HoldfastError */
export function openHeadMessage(context: HeadContext, token: string): VaultHead {
  const body = openMessage(vaultHead, context.signing, token);
  if (body.clientId !== context.clientId || body.vaultId !== context.vaultId) {
    throw fail('message.malformed', { type: 'vault-head', detail: 'it is the head of another vault' });
  }
  const content = openHead(context.keys.dataKey, { vaultId: body.vaultId, sequence: body.sequence }, body.sealed);
  return { sequence: body.sequence, hash: messageHash(token), content, token };
}

/** Moves the head on from `previous`. @throws HoldfastError `head.conflict` when another machine was first */
export async function writeHead(
  context: HeadContext & Pick<ClientContext, 'mediator' | 'catalog' | 'clock' | 'randomness'>,
  previous: VaultHead,
  content: HeadContent,
): Promise<VaultHead> {
  const { clientId, vaultId } = context;
  const sequence = previous.sequence + 1;
  const sealed = sealHead(context.keys.dataKey, { vaultId, sequence }, content, context.randomness);
  const writtenAtMs = context.clock.nowMs();
  const body = { clientId, vaultId, sequence, previousHash: previous.hash, writtenAtMs, sealed };
  const token = signMessage(vaultHead, context.signing, body, context.signingKey);
  try {
    await context.mediator.putHead(token);
  } catch (error) {
    // A repeated request may find that its first attempt did arrive.
    if ((await context.mediator.getHead()) !== token) throw error;
  }
  const head = { sequence, hash: messageHash(token), content, token };
  rememberHead(context, head);
  return head;
}

function rememberHead({ catalog }: Pick<ClientContext, 'catalog'>, head: VaultHead): void {
  const value = `${head.sequence} ${head.hash}`;
  if (catalog.getFact(SEEN_HEAD) !== value) catalog.setFact(SEEN_HEAD, value);
}

const noHead = (machineId: string): VaultHead => ({
  sequence: 0,
  hash: ZERO_32,
  content: { machineId, hostName: hostname(), indexPacks: [], snapshots: [] },
  token: undefined,
});
