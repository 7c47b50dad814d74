/** Reads shards and ranges of them, fast and with little memory: for threads that do nothing else. */
import { shardPath } from '@holdfast/protocol';
import type { NodeTransport } from '../ports.ts';
import type { BodyFetcher } from './body-fetcher.ts';
import { type NodeRequest, problemOf, type SigningOptions, tryAddresses, unexpected } from './signed-request.ts';

export function createShardReader(
  options: SigningOptions & { readonly bodies: BodyFetcher },
): Pick<NodeTransport, 'getShard'> {
  return {
    async getShard(target, { packId, shardIndex }, lengthBytes, { range, into: place, signal } = {}) {
      const into = place ?? new Uint8Array(range?.lengthBytes ?? lengthBytes);
      const lastByte = range === undefined ? 0 : range.offset + range.lengthBytes - 1;
      const headers = range === undefined ? {} : { range: `bytes=${range.offset}-${lastByte}` };
      const request: NodeRequest = { method: 'GET', path: shardPath(packId, shardIndex), headers, signal };
      const expected =
        range === undefined
          ? { statusCode: 200, contentRange: undefined }
          : { statusCode: 206, contentRange: `bytes ${range.offset}-${lastByte}/${lengthBytes}` };
      const { path } = request;
      await tryAddresses(options, target, request, async (address, signed) => {
        const { nodeId } = target;
        const answer = await options.bodies.fetch({ nodeId, address, path, headers: signed, into, signal });
        if (answer.statusCode >= 300) throw problemOf(target, answer.statusCode, answer.problem);
        const contentRange = answer.headers.get('content-range');
        if (answer.statusCode !== expected.statusCode || contentRange !== expected.contentRange) {
          throw unexpected(target, `the range ${contentRange ?? 'of the whole shard'} instead of what was asked for`);
        }
        if (answer.lengthBytes !== into.length) {
          throw unexpected(target, `${answer.lengthBytes} of the ${into.length} bytes asked for`);
        }
      });
      return into;
    },
  };
}
