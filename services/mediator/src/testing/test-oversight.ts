/** For tests of what is shown: a mediator over a market in which nodes passed, failed and missed a challenge. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMediatorApi, type MediatorApi } from '@holdfast/http-api';
import { type Role, type SigningKey, toHex } from '@holdfast/protocol';
import type { MediatorOptions } from '../index.ts';
import { openTestChallenges, type TestChallenges, type TestHolder, type TestOwner } from './test-challenges.ts';
import { keyFrom, signInAs, startTestMediator, type TestMediator } from './test-mediator.ts';

export interface TestOversight {
  readonly market: TestChallenges;
  readonly test: TestMediator;
  /** In the period that was judged. */
  readonly period: number;
  /** They hold shards of `owner`; what was asked of `liar` it had not. */
  readonly honest: TestHolder;
  readonly liar: TestHolder;
  /** It holds shards of `stranger` and of nobody else, as a fourth node does, and did not answer. */
  readonly silent: TestHolder;
  readonly owner: TestOwner;
  readonly stranger: TestOwner;
  signIn(key: SigningKey, role: Role): Promise<string>;
  api(session?: string): MediatorApi;
  close(): Promise<void>;
}

export const ADMIN = keyFrom('the admin of oversight');

export async function openTestOversight(options: Partial<MediatorOptions> = {}): Promise<TestOversight> {
  const market = await openTestChallenges();
  // Who judged there is who shows it here.
  writeFileSync(join(market.dataDir, 'mediator.key'), `${'07'.repeat(32)}\n`, { mode: 0o600 });
  const test = await startTestMediator({
    ...options,
    dataDir: market.dataDir,
    databaseUrl: market.ledger.url,
    clock: market.clock,
    adminKeys: [toHex(ADMIN.publicKey)],
  });
  const [honest, liar, silent] = [await market.node(), await market.node(), await market.node()];
  const [owner, stranger] = [await market.client(), await market.client()];
  await owner.store([honest, liar], 3);
  const bystander = await market.node();
  await stranger.store([silent, bystander], 2);
  const period = await market.nextPeriod();
  liar.held.clear();
  await market.issueAll();
  await market.answer(honest);
  await market.answer(liar);
  await market.answer(bystander);
  await market.judgeAll();
  return {
    market,
    test,
    period,
    honest,
    liar,
    silent,
    owner,
    stranger,
    signIn: (key, role) => signInAs(test, key, role),
    api: (session) =>
      createMediatorApi({
        baseUrl: test.mediator.baseUrl,
        dispatcher: test.dispatcher,
        ...(session !== undefined && { session: () => session }),
      }),
    async close() {
      await test.close();
      await market.close();
    },
  };
}
