/** What the node holds and does, read when somebody looks. */
import type { Metrics } from '@holdfast/platform';
import type { ShardStore } from './shards/index.ts';

/** Adds gauges; the result reads them anew for each scrape. */
export function withFigures(
  metrics: Metrics,
  store: Pick<ShardStore, 'figures'>,
): { text(): Promise<string>; readonly contentType: string } {
  const gauges = {
    usedBytes: metrics.gauge('used_bytes', 'Bytes of the disk that shards take, quarantined ones included.'),
    reservedBytes: metrics.gauge('reserved_bytes', 'Bytes set aside for uploads under way.'),
    freeBytes: metrics.gauge('free_bytes', 'Bytes that can be promised now.'),
    shardCount: metrics.gauge('shards', 'Shards stored.'),
    uncommittedCount: metrics.gauge('uncommitted_shards', 'Shards that no commit has named yet.'),
    uploads: metrics.gauge('uploads', 'Uploads under way.'),
    downloads: metrics.gauge('downloads', 'Downloads under way.'),
  };
  return {
    contentType: metrics.contentType,
    async text() {
      const figures = await store.figures();
      for (const [name, gauge] of Object.entries(gauges)) gauge.set(figures[name as keyof typeof gauges]);
      return metrics.text();
    },
  };
}
