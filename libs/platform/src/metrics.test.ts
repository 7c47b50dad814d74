import { expect, test } from '@jest/globals';
import { createMetrics, observeResponses } from './metrics.ts';

test('everything carries the prefix, in a registry of its own', async () => {
  const metrics = createMetrics('holdfast_node_', { processMetrics: false });
  const other = createMetrics('holdfast_node_', { processMetrics: false });
  metrics.counter('shards_total', 'Shards.', ['verb']).inc({ verb: 'put' }, 2);
  metrics.gauge('bytes', 'Bytes.').set(5);
  metrics.histogram('wait_seconds', 'Wait.', { buckets: [1, 2] }).observe(1.5);
  const text = await metrics.text();
  expect(text).toContain('holdfast_node_shards_total{verb="put"} 2');
  expect(text).toContain('holdfast_node_bytes 5');
  expect(text).toContain('holdfast_node_wait_seconds_bucket{le="2"} 1');
  expect(await other.text()).not.toContain('shards_total');
  expect(metrics.contentType).toContain('text/plain');
  metrics.close();
  expect(await metrics.text()).not.toContain('shards_total');
});

test('responses are observed by route, never by path', async () => {
  const metrics = createMetrics('x_', { processMetrics: false });
  const hook = observeResponses(metrics);
  await hook({ method: 'GET', routeOptions: { url: '/v1/packs/:id' } }, { statusCode: 200, elapsedTime: 30 });
  await hook({ method: 'GET', routeOptions: {} }, { statusCode: 404, elapsedTime: 1 });
  const text = await metrics.text();
  expect(text).toContain('x_http_request_duration_seconds_sum{method="GET",route="/v1/packs/:id",status="200"} 0.03');
  expect(text).toContain('x_http_request_duration_seconds_count{method="GET",route="(none)",status="404"} 1');
});

test('the process is measured unless told otherwise', async () => {
  const metrics = createMetrics('y_');
  expect(await metrics.text()).toContain('y_process_resident_memory_bytes');
  metrics.close();
});
