import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSilentLogger, createSimulatedClock } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import { createEventLog } from '../adapters/postgres/events.ts';
import { giveUpUnpaid } from '../adapters/postgres/giving-up.ts';
import { at, commitBytes, FIRST, openTestLedger, openUpload, type TestLedger } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { runMoney } from './run-money.ts';

let release: () => Promise<void>;
let money: TestLedger;
beforeAll(async () => {
  release = await holdDatabaseServer();
  money = await openTestLedger();
});
afterAll(async () => {
  await money.close();
  await release();
});

test('a client whose money runs out is warned at 14, 7 and 1 days, once each, and told when the data is given up', async () => {
  const clientId = freshId();
  const name = await money.vault(clientId);
  const nodes = [await money.node(1_000n)];
  // enough for one term, not for the next
  await money.credit(clientId, 1_500_000n);
  const uploadId = await openUpload(money, name, nodes, 1e12, at(FIRST));
  await commitBytes(money, name, uploadId, nodes, 1e12, at(FIRST));
  const clock = createSimulatedClock(at(FIRST));
  const { agreements, settlements, database } = money;
  const run = () =>
    runMoney({
      agreements,
      settlements,
      events: createEventLog(database),
      clock,
      logger: createSilentLogger(),
      giveUpUnpaid: (nowMs) => giveUpUnpaid(database, money.money, nowMs),
    });
  for (let day = 0; day <= 32; day += 1) {
    await run();
    await run();
    await clock.advance(86_400_000);
  }
  const { rows } = await database.execute<{ kind: string; data: { warningDays?: number; reason?: string } }>(sql`
    SELECT kind, data FROM events WHERE client_id = ${Buffer.from(clientId, 'hex')} ORDER BY event_no`);
  expect(rows.map(({ kind, data }) => [kind, data.warningDays ?? data.reason])).toEqual([
    ['escrow.low', 14],
    ['agreement.unfunded', 'money'],
    ['escrow.low', 7],
    ['escrow.low', 1],
    ['agreement.given-up', undefined],
  ]);
});
