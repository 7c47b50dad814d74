/** Prometheus metrics in a registry of their own, so that several services can live in one process. */
import { createRequire } from 'node:module';
import type * as Prometheus from 'prom-client';
import type { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Loaded at first use: commands have no metrics, and would pay 80 files at every start. */
const loadPrometheus = (): typeof Prometheus => createRequire(import.meta.url)('prom-client') as typeof Prometheus;

export interface HttpObservation {
  readonly method: string;
  /** The route's pattern (`/v1/packs/:id`), never the path itself: a label must not grow without bound. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface Metrics {
  readonly registry: Registry;
  /**
   * Names get the prefix: `counter('uploads_total', …)` of prefix `holdfast_mediator_` is
   * `holdfast_mediator_uploads_total`.
   */
  counter<L extends string = never>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labelNames?: readonly L[]): Gauge<L>;
  histogram<L extends string = never>(
    name: string,
    help: string,
    options?: { labelNames?: readonly L[]; buckets?: readonly number[] },
  ): Histogram<L>;
  /** Into `<prefix>http_request_duration_seconds{method,route,status}`. */
  observeHttp(observation: HttpObservation): void;
  /** The exposition text, to be served as `contentType`. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Forgets everything. */
  close(): void;
}

const HTTP_BUCKETS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * `processMetrics` adds CPU, memory and event loop of the process (default true; false for many services in one
 * process).
 */
export function createMetrics(prefix: string, options: { processMetrics?: boolean } = {}): Metrics {
  const prometheus = loadPrometheus();
  const registry = new prometheus.Registry();
  if (options.processMetrics ?? true) prometheus.collectDefaultMetrics({ register: registry, prefix });
  const registers = [registry];
  const http = new prometheus.Histogram({
    name: `${prefix}http_request_duration_seconds`,
    help: 'Time from the request to the end of its response.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: HTTP_BUCKETS_S,
    registers,
  });
  return {
    registry,
    counter: (name, help, labelNames = []) =>
      new prometheus.Counter({ name: prefix + name, help, labelNames, registers }),
    gauge: (name, help, labelNames = []) => new prometheus.Gauge({ name: prefix + name, help, labelNames, registers }),
    histogram: (name, help, { labelNames = [], buckets } = {}) =>
      new prometheus.Histogram({
        name: prefix + name,
        help,
        labelNames,
        registers,
        ...(buckets && { buckets: [...buckets] }),
      }),
    observeHttp: ({ method, route, status, durationMs }) =>
      http.observe({ method, route, status: String(status) }, durationMs / 1_000),
    text: () => registry.metrics(),
    contentType: registry.contentType,
    close: () => registry.clear(),
  };
}

/** The part of a fastify request and reply that `observeResponses` reads. */
interface ObservedRequest {
  readonly method: string;
  readonly routeOptions: { readonly url?: string | undefined };
}
interface ObservedReply {
  readonly statusCode: number;
  readonly elapsedTime: number;
}

/** A fastify `onResponse` hook: `app.addHook('onResponse', observeResponses(metrics))`. */
export function observeResponses(metrics: Metrics): (request: ObservedRequest, reply: ObservedReply) => Promise<void> {
  return async (request, reply) => {
    metrics.observeHttp({
      method: request.method,
      route: request.routeOptions.url ?? '(none)',
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
    });
  };
}
