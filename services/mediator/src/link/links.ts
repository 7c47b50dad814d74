/** All links of this process: one for each node, woken by news from any process, looked after by the clock. */
import type { Randomness } from '@holdfast/platform';
import { fail, toHex } from '@holdfast/protocol';
import { createNodeLink, type NodeLink, type NodeLinkOptions } from './node-link.ts';
import type { LinkPorts } from './ports.ts';
import type { LinkSettings } from './settings.ts';

export interface LinksOptions extends Pick<
  NodeLinkOptions,
  'context' | 'clock' | 'lineClock' | 'logger' | 'translate' | 'loggable'
> {
  readonly ports: LinkPorts;
  readonly settings: LinkSettings;
  readonly randomness: Randomness;
  /** Shows how many there are. */
  readonly gauge: { set(value: number): void };
}

export interface Links {
  readonly maxCount: number;
  /** @throws HoldfastError `limit.connections` */
  checkRoom(): void;
  add(connected: Pick<NodeLinkOptions, 'nodeId' | 'fingerprint' | 'socket' | 'stream'>): void;
  /** One look for missed news and revoked certificates. */
  poll(): Promise<void>;
  /** Says good-bye to all, so that they connect elsewhere; takes no more. Again: waits for the same end. */
  close(): Promise<void>;
}

const LINK_ID_BYTES = 8;

export function createLinks(options: LinksOptions): Links {
  const { ports, settings, lineClock, logger } = options;
  const links = new Map<string, NodeLink>();
  /** Also those that were replaced and say good-bye. */
  const all = new Set<NodeLink>();
  let isClosing = false;

  const poll = async (): Promise<void> => {
    if (links.size === 0) return;
    const { waiting, revoked } = await ports.news.look([...links.values()]);
    for (const nodeId of waiting) links.get(nodeId)?.wake();
    for (const nodeId of revoked) void links.get(nodeId)?.close(fail('auth.certificate-required'));
  };
  const failed = (error: unknown): void =>
    logger.warn({ err: options.loggable(error) }, 'the look for news of nodes failed; it is tried again');

  const listening = ports.news.listen({
    onNews: (nodeId) => links.get(nodeId)?.wake(),
    onConnected(nodeId, sinceMs) {
      const link = links.get(nodeId);
      // Our own announcement comes back, too, and one that was overtaken may come late.
      if (link !== undefined && link.sinceMs < sinceMs) void link.close(fail('link.replaced'));
    },
    onGap: () => void poll().catch(failed),
  });
  const polling = lineClock.schedule(settings.pollMs, poll, failed);
  const ticking = lineClock.schedule(settings.pingMs, () => {
    const nowMs = lineClock.nowMs();
    for (const link of all) link.tick(nowMs);
  });

  const close = async (): Promise<void> => {
    isClosing = true;
    await Promise.all([...all].map((link) => link.close(fail('link.closing'))));
    await Promise.all([listening.stop(), polling.stop(), ticking.stop()]);
  };
  let closed: Promise<void> | undefined;

  return {
    maxCount: settings.maxLinks,
    checkRoom() {
      if (isClosing) throw fail('link.closing');
      if (all.size >= settings.maxLinks) throw fail('limit.connections', { limit: settings.maxLinks });
    },
    add(connected) {
      const { nodeId } = connected;
      void links.get(nodeId)?.close(fail('link.replaced'));
      const linkId = toHex(options.randomness.bytes(LINK_ID_BYTES));
      const link = createNodeLink({
        ...options,
        ...connected,
        linkId,
        onEnd() {
          all.delete(link);
          if (links.get(nodeId) === link) links.delete(nodeId);
          options.gauge.set(links.size);
        },
      });
      all.add(link);
      links.set(nodeId, link);
      options.gauge.set(links.size);
      if (isClosing) void link.close(fail('link.closing'));
      else ports.news.announce(nodeId, link.sinceMs).catch(failed);
    },
    poll,
    close: () => (closed ??= close()),
  };
}
