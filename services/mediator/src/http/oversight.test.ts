/** Nobody sees what isn't theirs, and everybody sees what is: each operation of oversight, by each role. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type MediatorApi, openApiDocuments, unwrap } from '@holdfast/http-api';
import {
  fromBase64Url,
  type HoldfastError,
  recordsOfCommits,
  type SigningKey,
  signMessage,
  termination,
  toHex,
  verifyTranscript,
} from '@holdfast/protocol';
import { ADMIN, openTestOversight, type TestOversight } from '../testing/test-oversight.ts';

let world: TestOversight;
let apis: Record<Who, MediatorApi>;
let agreementId: string;
let accrualNo: string;
let creditNo: string;
const challengeOf: Record<string, string> = {};

const WHO = ['admin', 'honest', 'liar', 'silent', 'owner', 'stranger', 'nobody'] as const;
type Who = (typeof WHO)[number];

beforeAll(async () => {
  world = await openTestOversight();
  const { honest, liar, silent, owner, stranger } = world;
  const session = {
    admin: await world.signIn(ADMIN, 'admin'),
    honest: await world.signIn(honest.key, 'operator'),
    liar: await world.signIn(liar.key, 'operator'),
    silent: await world.signIn(silent.key, 'operator'),
    owner: await world.signIn(owner.key, 'client'),
    stranger: await world.signIn(stranger.key, 'client'),
    nobody: undefined,
  };
  apis = Object.fromEntries(WHO.map((who) => [who, world.api(session[who])])) as Record<Who, MediatorApi>;
  const { challenges } = await unwrap(
    apis.admin.GET('/v1/periods/{period}/challenges', { params: { path: { period: world.period } } }),
  );
  for (const { nodeId, challengeId } of challenges) challengeOf[nodeId] = challengeId;
  const { agreements } = await unwrap(apis.admin.GET('/v1/nodes/{nodeId}/agreements', ofNode()));
  agreementId = agreements[0]!.agreementId;
  const { transfers } = await unwrap(apis.admin.GET('/v1/transfers', { params: { query: { limit: 200 } } }));
  accrualNo = transfers.find(({ kind, nodeId }) => kind === 'accrual' && nodeId === world.honest.nodeId)!.transferNo;
  const { entries } = await unwrap(apis.owner.GET('/v1/clients/{clientId}/statement', ofClient()));
  creditNo = entries.at(-1)!.transferNo;
});
afterAll(() => world.close());

const ofNode = (node = world.honest) => ({ params: { path: { nodeId: node.nodeId } } });
const ofClient = (client = world.owner) => ({ params: { path: { clientId: client.clientId } } });
const ofAgreement = () => ({ params: { path: { agreementId } } });
const ofChallenge = (node = world.honest) => ({ params: { path: { challengeId: challengeOf[node.nodeId]! } } });
const ofTransfer = (transferNo = accrualNo) => ({ params: { path: { transferNo } } });

interface Case {
  readonly ask: (api: MediatorApi) => Promise<unknown>;
  /** Who is answered; everybody else is refused. */
  readonly answered: readonly Who[];
  /** With one of these codes. */
  readonly refused: readonly string[];
}

const onlyAdmin = { answered: ['admin'], refused: ['auth.required'] } as const;
const operator = { answered: ['admin', 'honest'], refused: ['auth.not-yours'] } as const;
const client = { answered: ['admin', 'owner'], refused: ['auth.not-yours'] } as const;
const party = { answered: ['admin', 'honest', 'owner'], refused: ['agreement.unknown'] } as const;

const clientsAndAdmin = { answered: ['admin', 'owner', 'stranger'], refused: ['auth.required'] } as const;
const NO_BATCH = '0'.repeat(32);

/** There is none of it in this world: who may see it is told so, which counts as an answer. */
async function noneIs(code: string, asking: Parameters<typeof unwrap>[0]): Promise<unknown> {
  return unwrap(asking).catch((error: HoldfastError) => {
    if (error.code === code) return code;
    throw error;
  });
}

/** About the node `honest`, and the agreement of `owner` with it. Each names its operation: a new one cannot be forgotten. */
const CASES: Record<string, Case> = {
  listStandings: { ask: (api) => unwrap(api.GET('/v1/standings')), ...onlyAdmin },
  getStanding: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/standing', ofNode())), ...operator },
  listNodeChallenges: {
    ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/challenges', ofNode())),
    answered: ['admin', 'honest', 'owner'],
    refused: ['auth.not-yours'],
  },
  listRetrievalChecks: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/retrieval-checks', ofNode())), ...operator },
  listPeriodChallenges: {
    ask: (api) => unwrap(api.GET('/v1/periods/{period}/challenges', { params: { path: { period: world.period } } })),
    ...onlyAdmin,
  },
  getChallenge: {
    ask: (api) => unwrap(api.GET('/v1/challenges/{challengeId}', ofChallenge())),
    answered: ['admin', 'honest', 'owner'],
    refused: ['challenge.unknown'],
  },
  listSettlements: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/settlements', ofNode())), ...operator },
  getEarnings: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/earnings', ofNode())), ...operator },
  listNodeStatement: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/statement', ofNode())), ...operator },
  listNodeAgreements: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/agreements', ofNode())), ...operator },
  getClientBalance: { ask: (api) => unwrap(api.GET('/v1/clients/{clientId}/balance', ofClient())), ...client },
  listClientStatement: { ask: (api) => unwrap(api.GET('/v1/clients/{clientId}/statement', ofClient())), ...client },
  listClientAgreements: { ask: (api) => unwrap(api.GET('/v1/clients/{clientId}/agreements', ofClient())), ...client },
  getAgreement: { ask: (api) => unwrap(api.GET('/v1/agreements/{agreementId}', ofAgreement())), ...party },
  listAgreementStatement: {
    ask: (api) => unwrap(api.GET('/v1/agreements/{agreementId}/statement', ofAgreement())),
    ...party,
  },
  foretellTermination: {
    ask: (api) => unwrap(api.GET('/v1/agreements/{agreementId}/termination', ofAgreement())),
    answered: ['honest', 'owner'],
    refused: ['agreement.unknown', 'auth.required'],
  },
  listTransfers: { ask: (api) => unwrap(api.GET('/v1/transfers')), ...onlyAdmin },
  getTransfer: {
    ask: (api) => unwrap(api.GET('/v1/transfers/{transferNo}', ofTransfer())),
    answered: ['admin', 'honest', 'owner'],
    refused: ['auth.not-yours'],
  },
  getLedger: { ask: (api) => unwrap(api.GET('/v1/ledger')), ...onlyAdmin },
  findLedgerFaults: { ask: (api) => unwrap(api.GET('/v1/ledger/faults')), ...onlyAdmin },
  getMarket: { ask: (api) => unwrap(api.GET('/v1/market')), ...onlyAdmin },
  listDeposits: { ask: (api) => unwrap(api.GET('/v1/deposits')), ...clientsAndAdmin },
  listWithdrawals: { ask: (api) => unwrap(api.GET('/v1/withdrawals')), ...clientsAndAdmin },
  getPayoutAddress: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/payout-address', ofNode())), ...operator },
  listNodePayouts: { ask: (api) => unwrap(api.GET('/v1/nodes/{nodeId}/payouts', ofNode())), ...operator },
  listPayouts: { ask: (api) => unwrap(api.GET('/v1/payouts')), ...onlyAdmin },
  getPayout: {
    ask: (api) =>
      noneIs('payout.unknown', api.GET('/v1/payouts/{batchId}', { params: { path: { batchId: NO_BATCH } } })),
    ...onlyAdmin,
  },
  getPayoutStatus: { ask: (api) => unwrap(api.GET('/v1/payout-status')), ...onlyAdmin },
  getOwnLiability: {
    ask: (api) => noneIs('liabilities.none', api.GET('/v1/liabilities/mine', { params: { query: {} } })),
    answered: ['honest', 'liar', 'silent', 'owner', 'stranger'],
    refused: ['auth.required'],
  },
  listReconciliations: {
    ask: (api) => unwrap(api.GET('/v1/admin/reconciliations', { params: { query: {} } })),
    ...onlyAdmin,
  },
  getReconciliation: {
    ask: (api) =>
      noneIs(
        'reconciliation.unknown',
        api.GET('/v1/admin/reconciliations/{number}', { params: { path: { number: 1 } } }),
      ),
    ...onlyAdmin,
  },
};

interface Operation {
  operationId?: string;
  security?: unknown[];
  tags?: string[];
}
const paths = (openApiDocuments.mediator as { paths: Record<string, Record<string, Operation>> }).paths;
/** Operations of vaults are tried in isolation.test.ts; that of the own account takes no name of anybody. */
const operations = Object.entries(paths)
  .filter(([path]) => !path.startsWith('/v1/vaults') && path !== '/v1/account')
  .flatMap(([, methods]) => (methods['get']?.security === undefined ? [methods['get']?.operationId] : []))
  .filter((id) => id !== undefined);

test('every operation that reads is tried', () => {
  expect(Object.keys(CASES).sort()).toEqual([...operations].sort());
});

describe.each(Object.keys(CASES))('%s', (operation) => {
  const { ask, answered, refused } = CASES[operation]!;
  test.each(WHO.filter((who) => answered.includes(who)))('answers %s', async (who) => {
    await expect(ask(apis[who])).resolves.toBeTruthy();
  });
  test.each(WHO.filter((who) => !answered.includes(who)))('refuses %s', async (who) => {
    const code = who === 'nobody' ? 'auth.required' : expect.stringMatching(new RegExp(`^(${refused.join('|')})$`));
    await expect(ask(apis[who])).rejects.toMatchObject({ code });
  });
});

test('a key of a node that signs in as client, and of a client that signs in as operator, open nothing', async () => {
  const nodeAsClient = world.api(await world.signIn(world.honest.key, 'client'));
  await expect(unwrap(nodeAsClient.GET('/v1/nodes/{nodeId}/earnings', ofNode()))).rejects.toMatchObject({
    code: 'auth.not-yours',
  });
  const clientAsOperator = world.api(await world.signIn(world.owner.key, 'operator'));
  await expect(unwrap(clientAsOperator.GET('/v1/clients/{clientId}/balance', ofClient()))).rejects.toMatchObject({
    code: 'auth.not-yours',
  });
  await expect(unwrap(clientAsOperator.GET('/v1/challenges/{challengeId}', ofChallenge()))).rejects.toMatchObject({
    code: 'challenge.unknown',
  });
});

describe('what is shown', () => {
  test('passed, failed and missed are told apart, with their money', async () => {
    const outcomes = await unwrap(
      apis.admin.GET('/v1/periods/{period}/challenges', { params: { path: { period: world.period } } }),
    );
    const { honest, liar, silent } = world;
    const known = [honest, liar, silent].map(({ nodeId }) => nodeId);
    const outcomeOf = new Map(
      outcomes.challenges
        .filter(({ nodeId }) => known.includes(nodeId))
        .map(({ nodeId, outcome }) => [nodeId, outcome]),
    );
    expect(outcomeOf).toEqual(
      new Map([
        [honest.nodeId, 'passed'],
        [liar.nodeId, 'failed'],
        [silent.nodeId, 'missed'],
      ]),
    );
    for (const [who, node, verdict] of [
      ['honest', honest, 'passed'],
      ['liar', liar, 'failed'],
      ['silent', silent, 'missed'],
    ] as const) {
      const { settlements } = await unwrap(apis[who].GET('/v1/nodes/{nodeId}/settlements', ofNode(node)));
      const settled = settlements.find(({ period }) => period === world.period)!;
      expect(settled).toMatchObject({ verdict, agreementCount: 1 });
      const paid = BigInt(settled.earnedMsat) + BigInt(settled.withheldMsat) + BigInt(settled.commissionMsat);
      expect(paid).toBe(verdict === 'passed' ? BigInt(settled.dueMsat) : 0n);
      expect(BigInt(settled.dueMsat)).toBeGreaterThan(0n);
    }
    const failed = await unwrap(
      apis.admin.GET('/v1/periods/{period}/challenges', {
        params: { path: { period: world.period }, query: { outcome: 'failed' } },
      }),
    );
    expect(failed.challenges.map(({ nodeId }) => nodeId)).toEqual([liar.nodeId]);
  });

  test('a node reads how it stands and why', async () => {
    const standing = await unwrap(apis.liar.GET('/v1/nodes/{nodeId}/standing', ofNode(world.liar)));
    expect(standing).toMatchObject({
      nodeId: world.liar.nodeId,
      reputation: { failedPeriods: 1, lastPeriod: world.period },
    });
    expect(standing.reputation!.proofs.score).toBeLessThan(1);
    const { nodes } = await unwrap(apis.admin.GET('/v1/standings'));
    expect(nodes.find(({ nodeId }) => nodeId === world.liar.nodeId)).toEqual(standing);
    expect(nodes.map(({ nodeId }) => nodeId)).toEqual(nodes.map(({ nodeId }) => nodeId).toSorted());
  });

  test('earnings add up: earned, kept back, and when that is free', async () => {
    const earnings = await unwrap(apis.honest.GET('/v1/nodes/{nodeId}/earnings', ofNode()));
    expect(BigInt(earnings.withheldMsat)).toBeGreaterThan(0n);
    const planned = earnings.releases.reduce((sum, { amountMsat }) => sum + BigInt(amountMsat), 0n);
    expect(planned).toBe(BigInt(earnings.withheldMsat));
    expect(earnings.releases[0]!.byMs).toBe((world.period + 720 + 1) * 3_600_000);
    const { entries } = await unwrap(apis.honest.GET('/v1/nodes/{nodeId}/statement', ofNode()));
    const sum = (account: string) =>
      entries
        .filter((entry) => entry.account === account)
        .reduce((total, { amountMsat }) => total + BigInt(amountMsat), 0n);
    expect([sum('earned'), sum('withheld')]).toEqual([BigInt(earnings.earnedMsat), BigInt(earnings.withheldMsat)]);
  });

  test('a client’s balances are the sums of the entries behind them', async () => {
    const balance = await unwrap(apis.owner.GET('/v1/clients/{clientId}/balance', ofClient()));
    const { entries } = await unwrap(apis.owner.GET('/v1/clients/{clientId}/statement', ofClient()));
    const available = entries.reduce((total, { amountMsat }) => total + BigInt(amountMsat), 0n);
    expect(available).toBe(BigInt(balance.availableMsat));
    const { agreements } = await unwrap(apis.owner.GET('/v1/clients/{clientId}/agreements', ofClient()));
    let held = 0n;
    for (const agreement of agreements) {
      const path = { params: { path: { agreementId: agreement.agreementId } } };
      const statement = await unwrap(apis.owner.GET('/v1/agreements/{agreementId}/statement', path));
      const sum = statement.entries.reduce((total, { amountMsat }) => total + BigInt(amountMsat), 0n);
      expect(sum).toBe(BigInt(agreement.heldMsat));
      held += sum;
    }
    expect(agreements).toHaveLength(2);
    expect(held).toBe(BigInt(balance.heldMsat));
  });

  test('of a transfer everybody sees their own entries, the admin all, which add up to zero', async () => {
    const see = (who: Who) => unwrap(apis[who].GET('/v1/transfers/{transferNo}', ofTransfer()));
    const whole = await see('admin');
    expect(whole).toMatchObject({ kind: 'accrual', complete: true, period: world.period });
    expect(whole.legs.reduce((sum, { amountMsat }) => sum + BigInt(amountMsat), 0n)).toBe(0n);
    expect(new Set(whole.legs.map(({ account }) => account))).toEqual(
      new Set(['hold', 'earned', 'withheld', 'commission']),
    );
    const ofOwner = await see('owner');
    expect(ofOwner.legs).toEqual([
      expect.objectContaining({ account: 'hold', agreementId, clientId: world.owner.clientId }),
    ]);
    expect(ofOwner.complete).toBe(false);
    const ofOperator = await see('honest');
    expect(ofOperator.legs.map(({ account }) => account).toSorted()).toEqual(['earned', 'withheld']);
    const credit = await unwrap(apis.owner.GET('/v1/transfers/{transferNo}', ofTransfer(creditNo)));
    expect(credit).toMatchObject({ kind: 'credit', legs: [{ account: 'available' }], complete: false });
  });

  test('the ledger balances, and the market is counted', async () => {
    const position = await unwrap(apis.admin.GET('/v1/ledger'));
    expect(position.differenceMsat).toBe('0');
    expect(BigInt(position.adminCreditsMsat)).toBe(2n * 10n ** 12n);
    expect(await unwrap(apis.admin.GET('/v1/ledger/faults'))).toEqual({ faults: [] });
    const market = await unwrap(apis.admin.GET('/v1/market'));
    expect(market).toMatchObject({
      onlineNodes: 4,
      clients: 2,
      vaults: 2,
      prices: { lowest: '1000000000', median: '1000000000', highest: '1000000000' },
      agreements: { byState: { active: 4 } },
      lastPeriod: { period: world.period, byVerdict: { passed: 2, failed: 1, missed: 1 } },
    });
    const purses = await Promise.all([
      unwrap(apis.admin.GET('/v1/clients/{clientId}/balance', ofClient(world.owner))),
      unwrap(apis.admin.GET('/v1/clients/{clientId}/balance', ofClient(world.stranger))),
    ]);
    const sum = (amounts: readonly string[]) => String(amounts.reduce((total, amount) => total + BigInt(amount), 0n));
    expect(market.agreements.heldMsat).toBe(sum(purses.map(({ heldMsat }) => heldMsat)));
    expect(position.heldMsat).toBe(sum(purses.flatMap(({ heldMsat, reservedMsat }) => [heldMsat, reservedMsat])));
    expect(position.availableMsat).toBe(sum(purses.map(({ availableMsat }) => availableMsat)));
  });

  test('pages go on where they ended, and miss nothing', async () => {
    const whole = (await unwrap(apis.admin.GET('/v1/transfers', { params: { query: { limit: 200 } } }))).transfers;
    const paged: typeof whole = [];
    for (;;) {
      const before = paged.at(-1)?.transferNo;
      const query = { limit: 3, ...(before !== undefined && { before }) };
      const { transfers } = await unwrap(apis.admin.GET('/v1/transfers', { params: { query } }));
      if (transfers.length === 0) break;
      paged.push(...transfers);
    }
    expect(paged).toEqual(whole);
    const statement = (limit: number, before?: string) =>
      unwrap(
        apis.honest.GET('/v1/nodes/{nodeId}/statement', {
          params: { path: { nodeId: world.honest.nodeId }, query: { limit, ...(before !== undefined && { before }) } },
        }),
      );
    const { entries } = await statement(200);
    const first = (await statement(2)).entries;
    expect([...first, ...(await statement(200, first.at(-1)!.transferNo)).entries]).toEqual(entries);
  });
});

describe('the transcript of a challenge', () => {
  const see = (who: Who, node = world.honest) =>
    unwrap(apis[who].GET('/v1/challenges/{challengeId}', ofChallenge(node)));

  test.each(['honest', 'liar', 'silent'] as const)('of %s proves its verdict to whoever reads it', async (who) => {
    const { challenge, transcript } = await see(who, world[who]);
    const { network, mediatorId, frame, commits, ...signed } = transcript!;
    const context = { network, mediatorId };
    const evidence = { ...signed, ...(frame !== undefined && { frame: fromBase64Url(frame) }) };
    const said = verifyTranscript(context, evidence, recordsOfCommits(context, commits));
    expect(said.outcome).toBe(challenge.outcome);
    expect(frame === undefined).toBe(who === 'silent');
    const { outcome: _, ...changed } = { outcome: '', ...evidence };
    const other = (await see('admin', world.liar === world[who] ? world.honest : world.liar)).transcript!;
    expect(() =>
      verifyTranscript(context, { ...changed, verdict: other.verdict }, recordsOfCommits(context, commits)),
    ).toThrow(expect.objectContaining({ code: 'verdict.unjust' }));
  });

  test('shows a client its own shards, and nothing of the evidence, which names those of others', async () => {
    const { challenge, transcript, ownShards } = await see('owner', world.liar);
    expect(transcript).toBeUndefined();
    expect(challenge).toMatchObject({ outcome: 'failed' });
    expect(challenge.shardsAsked).toBeUndefined();
    expect(ownShards!.length).toBeGreaterThan(0);
    expect(ownShards!.every(({ fault }) => fault === 'absent')).toBe(true);
  });
});

describe('an early end', () => {
  const end = (who: Who, id: string, token: string) =>
    unwrap(
      apis[who].PUT('/v1/agreements/{agreementId}/termination', {
        params: { path: { agreementId: id } },
        body: { termination: token },
      }),
    );
  const tokenBy = (key: SigningKey, role: 'client' | 'node', id = agreementId): string =>
    signMessage(
      termination,
      world.test.context,
      { agreementId: id, party: toHex(key.publicKey), role, signedAtMs: world.test.clock.nowMs() },
      key,
    );
  const foretell = (who: Who, id = agreementId) =>
    unwrap(apis[who].GET('/v1/agreements/{agreementId}/termination', { params: { path: { agreementId: id } } }));
  const availableOf = async (who: 'owner' | 'stranger'): Promise<bigint> => {
    const balance = await unwrap(apis[who].GET('/v1/clients/{clientId}/balance', ofClient(world[who])));
    return BigInt(balance.availableMsat);
  };

  test('is the word of a party about its own agreement, in its own session', async () => {
    const { owner, stranger, honest, liar } = world;
    const refusals = [
      [end('stranger', agreementId, tokenBy(stranger.key, 'client')), 'agreement.unknown'],
      [end('liar', agreementId, tokenBy(liar.key, 'node')), 'agreement.unknown'],
      // Somebody else's signature, or one for another role or agreement.
      [end('stranger', agreementId, tokenBy(owner.key, 'client')), 'agreement.unknown'],
      [end('honest', agreementId, tokenBy(honest.key, 'client')), 'agreement.unknown'],
      [end('honest', agreementId, tokenBy(honest.key, 'node', 'ab'.repeat(16))), 'agreement.mismatch'],
      [end('admin', agreementId, tokenBy(ADMIN, 'node')), 'auth.required'],
      [end('nobody', agreementId, tokenBy(owner.key, 'client')), 'auth.required'],
    ] as const;
    for (const [refused, code] of refusals) await expect(refused).rejects.toMatchObject({ code });
    const { state } = await unwrap(apis.owner.GET('/v1/agreements/{agreementId}', ofAgreement()));
    expect(state).toBe('active');
  });

  test('by the node, and by the client, does just what it was said to do', async () => {
    const ofStranger = ofClient(world.stranger);
    const { agreements } = await unwrap(apis.stranger.GET('/v1/clients/{clientId}/agreements', ofStranger));
    for (const [who, key, role, id, payer, said] of [
      ['honest', world.honest.key, 'node', agreementId, 'owner', 'your node is not paid'],
      ['stranger', world.stranger.key, 'client', agreements[0]!.agreementId, 'stranger', 'come back to you'],
    ] as const) {
      const before = await availableOf(payer);
      const ending = await foretell(who, id);
      expect(ending.sentence).toContain(said);
      expect(ending.effectiveAtMs).toBeGreaterThan(world.test.clock.nowMs());
      expect(BigInt(ending.releasedMsat)).toBeGreaterThan(0n);
      // To look at it ends nothing.
      expect(await foretell(who, id)).toEqual(ending);
      const ended = await end(who, id, tokenBy(key, role, id));
      expect(ended).toMatchObject({ agreementId: id, state: 'ended', endedBy: role });
      expect((await availableOf(payer)) - before).toBe(BigInt(ending.releasedMsat));
      await expect(foretell(who, id)).rejects.toMatchObject({ code: 'agreement.ended' });
      await expect(end(who, id, tokenBy(key, role, id))).rejects.toMatchObject({ code: 'agreement.ended' });
    }
    expect(await unwrap(apis.admin.GET('/v1/ledger/faults'))).toEqual({ faults: [] });
  });
});
