/** First contact with a mediator: its CA by the fingerprint in the address, then who it says it is. */
import { createMediatorApi, type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { fetchPinnedCa, PlatformError } from '@holdfast/platform';
import { fail, mediatorBaseUrl, parseMediatorAddress, shortId } from '@holdfast/protocol';
import { createMediatorDispatcher } from '../transport/index.ts';

export interface KnownMediator {
  /** As it was given, without blanks around it. */
  readonly address: string;
  readonly caPem: string;
  readonly info: MediatorSchemas['schemas']['Mediator'];
}

/**
 * @param address `holdfast://host:port#fingerprint`
 * @throws HoldfastError `client.bad-address`, `remote.unreachable`, `tls.wrong-peer`; PlatformError `tls.…` for another CA
 */
export async function meetMediator(address: string): Promise<KnownMediator> {
  const parsed = parseMediatorAddress(address);
  const { host, port, caFingerprint } = parsed;
  const { caPem, mediatorPublicKeyHex } = await fetchPinnedCa({ host, port, fingerprint: caFingerprint }).catch(
    (error: unknown) => {
      throw isAway(error) ? unreachable(`${host}:${port}`, error) : error;
    },
  );
  const dispatcher = createMediatorDispatcher(caPem, mediatorPublicKeyHex);
  try {
    const api = createMediatorApi({ baseUrl: mediatorBaseUrl(parsed), dispatcher });
    const info = await unwrap(api.GET('/v1/mediator'));
    if (info.mediatorId !== mediatorPublicKeyHex) {
      throw fail('tls.wrong-peer', {
        address: `${host}:${port}`,
        expected: `the mediator ${shortId(mediatorPublicKeyHex)} that its certificate names`,
      });
    }
    return { address: address.trim(), caPem, info };
  } finally {
    await dispatcher.destroy();
  }
}

const isAway = (error: unknown): error is PlatformError =>
  error instanceof PlatformError && ['tls.unreachable', 'tls.timeout', 'tls.closed'].includes(error.code);

function unreachable(address: string, error: PlatformError): Error {
  const detail = error.cause instanceof Error ? error.cause.message : error.message;
  return fail('remote.unreachable', { who: 'The mediator', address, detail }, error);
}
