/** `holdfast-node show`: asks the node's mediator, as the node's operator, for whatever its API shows of the node. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { getShown, isShownPath, withSignedInApi } from '@holdfast/http-api';
import {
  createSilentLogger,
  mediatorUri,
  pinnedConnectOptions,
  PlatformError,
  systemClock,
  systemRandomness,
} from '@holdfast/platform';
import { fail, mediatorBaseUrl, type Network, parseMediatorAddress } from '@holdfast/protocol';
import { Agent } from 'undici';
import { IDENTITY_FILE, openIdentity, openPinnedCa } from './registration/index.ts';

export const SHOW_HELP = `holdfast-node show PATH

Asks the mediator of the node that runs here, with the node's key and settings, and prints the answer as JSON. "me" in the
path stands for the node's id. docs/api.md lists what there is.

  holdfast-node show /v1/nodes/me/standing
  holdfast-node show '/v1/nodes/me/challenges?limit=5'
  holdfast-node show /v1/nodes/me/earnings
  holdfast-node show /v1/challenges/ID > challenge.json      for: holdfast verify-transcript challenge.json
`;

/** @throws PlatformError `config.invalid` */
export function readShowArguments(args: readonly string[]): string {
  const [path = '', ...more] = args;
  if (isShownPath(path) && more.length === 0) return path;
  const problem = 'It wants one path, such as /v1/nodes/me/standing.';
  throw new PlatformError('config.invalid', problem, 'holdfast-node show --help shows how it is called.');
}

export interface ShowingNode {
  readonly dataDir: string;
  /** `holdfast://host:port#fingerprint` */
  readonly mediator: string;
  readonly network: Network;
}

const PATIENCE_MS = 10_000;

/** Resolves to the answer, indented. @throws HoldfastError `node.bad-data-dir`, and what the mediator says is wrong */
export async function requestShown({ dataDir, mediator, network }: ShowingNode, path: string): Promise<string> {
  // Opening would make one, and nobody knows a node that was made here.
  await access(join(dataDir, IDENTITY_FILE)).catch((error: unknown) => {
    throw fail('node.bad-data-dir', { detail: `${IDENTITY_FILE} cannot be read there` }, error);
  });
  const { nodeId, signingKey } = await openIdentity(dataDir, systemRandomness);
  const address = parseMediatorAddress(mediator);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const { caPem, mediatorId } = await openPinnedCa({
    dataDir,
    address,
    clock: systemClock,
    logger: createSilentLogger(),
    signal,
  });
  const dispatcher = new Agent({ connect: pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) }) });
  try {
    const signedIn = {
      baseUrl: mediatorBaseUrl(address),
      dispatcher,
      signing: { network, mediatorId },
      signingKey,
      role: 'operator' as const,
      nowMs: systemClock.nowMs(),
    };
    const answer = await withSignedInApi(signedIn, (api) => getShown(api, path, nodeId));
    return JSON.stringify(answer, undefined, 2);
  } finally {
    await dispatcher.close();
  }
}
