/** All offers, for the market's index. */
import type { OfferSource } from '../../market/index.ts';
import { freeBytes } from '../../nodes/index.ts';
import type { Database } from './database.ts';
import { NODE_FIELDS, toNodeRecord } from './nodes.ts';
import { nodes } from './schema.ts';

export function createOfferSource(database: Database): OfferSource {
  return {
    async listOffers() {
      const rows = await database.select(NODE_FIELDS).from(nodes);
      return rows.map((row) => {
        const node = toNodeRecord(row);
        return { ...node, freeBytes: freeBytes(node) };
      });
    },
  };
}
