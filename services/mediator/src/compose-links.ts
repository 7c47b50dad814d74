/** Wires the nodes' links. */
import { systemClock } from '@holdfast/platform';
import { type Database, translateDatabaseError, withoutParameters } from './adapters/postgres/database.ts';
import { createNodeNews } from './adapters/postgres/node-news.ts';
import type { Challenges } from './challenges/index.ts';
import type { Base } from './compose-base.ts';
import type { HandlerOptions } from './http/handlers.ts';
import { createLinkPorts, createLinks, type Links, linkSettings } from './link/index.ts';

export function startLinks(
  base: Base,
  database: Database,
  databaseUrl: string,
  handlerOptions: HandlerOptions,
  challenges: Challenges,
): Links {
  const { nodes, book, agreements: store, moneyRules: rules } = handlerOptions;
  const { settings, logger, clock, context, randomness, metrics } = base;
  const news = createNodeNews({
    url: databaseUrl,
    database,
    logger,
    clock: systemClock,
    certificateNowMs: () => systemClock.nowMs(),
  });
  return createLinks({
    ports: createLinkPorts({
      nodes,
      uploads: handlerOptions.uploads.uploads,
      book,
      news,
      context,
      clock,
      certificateClock: systemClock,
      logger,
      challenges,
      agreements: { agreements: store, rules, context, clock },
    }),
    settings: linkSettings(rules.periodMs, settings.link),
    context,
    clock,
    lineClock: systemClock,
    randomness,
    logger,
    translate: translateDatabaseError,
    loggable: withoutParameters,
    gauge: metrics.gauge('links', 'Nodes that are connected to this process.'),
  });
}
