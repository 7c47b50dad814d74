import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decideStanding, explainStanding } from './decide-standing.ts';
import {
  isPeriodPaid,
  newReputation,
  type PeriodRecord,
  recordPeriod,
  type Reputation,
  scoreOf,
} from './reputation.ts';
import { REPUTATION_RULES as RULES } from './rules.ts';
import type { NodeStanding } from '../nodes/index.ts';

const passed: PeriodRecord = { outcome: 'passed', shardsAsked: 370, shardsLost: 0, isServing: true };
const missed: PeriodRecord = { outcome: 'missed', shardsAsked: 370, shardsLost: 0, isServing: true };
const idle: PeriodRecord = { outcome: 'idle', shardsAsked: 0, shardsLost: 0, isServing: true };
const failed = (shardsLost: number): PeriodRecord => ({ ...passed, outcome: 'failed', shardsLost });
const unserving: PeriodRecord = { ...passed, isServing: false };

interface Node {
  reputation: Reputation;
  standing: NodeStanding;
}
const newcomer: Node = { reputation: newReputation(), standing: 'vetting' };
function live(node: Node, period: PeriodRecord, periods = 1): Node {
  let { reputation, standing } = node;
  for (let count = 0; count < periods; count += 1) {
    reputation = recordPeriod(reputation, period);
    standing = decideStanding(standing, reputation);
  }
  return { reputation, standing };
}
const proven = live(newcomer, passed, 1000);

const anyPeriod = fc.oneof(
  { weight: 6, arbitrary: fc.constant(passed) },
  { weight: 2, arbitrary: fc.constantFrom(missed, unserving, idle) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 370 }).map(failed) },
);
const anyNode = fc.array(fc.tuple(anyPeriod, fc.integer({ min: 1, max: 60 })), { maxLength: 12 }).map((history) => {
  let node = newcomer;
  for (const [period, times] of history) node = live(node, period, times);
  return node;
});

describe('scores', () => {
  test('stay between 0 and 1, whatever happens', () => {
    fc.assert(
      fc.property(anyNode, ({ reputation }) => {
        for (const score of [reputation.proofs, reputation.availability]) {
          expect(score.good >= 0 && score.bad >= 0 && Number.isFinite(score.good + score.bad)).toBe(true);
          expect(scoreOf(score)).toBeGreaterThanOrEqual(0);
          expect(scoreOf(score)).toBeLessThanOrEqual(1);
        }
      }),
    );
    expect(scoreOf({ good: 0, bad: 0 })).toBe(1);
  });
  test('never fall by passing, never rise by failing, and failing by more counts more', () => {
    fc.assert(
      fc.property(anyNode, fc.integer({ min: 1, max: 369 }), ({ reputation }, lost) => {
        const before = scoreOf(reputation.proofs);
        const proofsAfter = (period: PeriodRecord): number => scoreOf(recordPeriod(reputation, period).proofs);
        expect(proofsAfter(passed)).toBeGreaterThanOrEqual(before - 1e-12);
        expect(proofsAfter(failed(lost))).toBeLessThan(before);
        expect(proofsAfter(failed(lost + 1))).toBeLessThan(proofsAfter(failed(lost)));
      }),
    );
  });
  test('of proofs say nothing about a miss or an idle period, neither for nor against', () => {
    fc.assert(
      fc.property(anyNode, fc.constantFrom(missed, idle), ({ reputation }, period) => {
        expect(recordPeriod(reputation, period).proofs).toEqual(reputation.proofs);
      }),
    );
  });
  test('of availability count misses and refused GETs alike', () => {
    expect(recordPeriod(proven.reputation, missed).availability).toEqual(
      recordPeriod(proven.reputation, unserving).availability,
    );
  });
});

test('a period is paid when everything was shown and is served', () => {
  expect([passed, missed, idle, unserving, failed(1)].map(isPeriodPaid)).toEqual([true, false, false, false, false]);
});

describe('standing', () => {
  test('a newcomer is vetted for a week of passed periods', () => {
    expect(live(newcomer, passed, RULES.vettingPeriods - 1).standing).toBe('vetting');
    expect(live(newcomer, passed, RULES.vettingPeriods).standing).toBe('active');
    expect(live(newcomer, idle, 5000).standing).toBe('vetting');
  });
  test('one small failure costs a proven node nothing but its pay, and a newcomer the suspension', () => {
    expect(live(proven, failed(1)).standing).toBe('active');
    expect(live(newcomer, failed(1)).standing).toBe('suspended');
  });
  test('a loss of half is the end at once, whatever the past', () => {
    fc.assert(
      fc.property(anyNode, (node) => {
        expect(live(node, failed(185)).standing).toBe('disqualified');
      }),
    );
  });
  test('nobody is disqualified for a day offline', () => {
    fc.assert(
      fc.property(anyNode, fc.integer({ min: 1, max: 24 }), (node, hours) => {
        fc.pre(node.standing !== 'disqualified');
        expect(live(node, missed, hours).standing).not.toBe('disqualified');
        expect(live(node, unserving, hours).standing).not.toBe('disqualified');
      }),
    );
    expect(live(proven, missed, 24).standing).toBe('active');
    expect(live(proven, missed, 48).standing).toBe('suspended');
    expect(live(proven, missed, 719).standing).toBe('suspended');
    expect(live(proven, missed, 720).standing).toBe('disqualified');
  });
  test('every suspension ends after enough passed periods, when it was said to end', () => {
    fc.assert(
      fc.property(anyNode, (node) => {
        fc.pre(node.standing === 'suspended');
        const told = Number(/about (\d+) passed/.exec(explainStanding('suspended', node.reputation).at(-1)!)![1]);
        expect(live(node, passed, told + 1).standing).toMatch(/^(active|vetting)$/);
        if (told > 1) expect(live(node, passed, told - 1).standing).toBe('suspended');
      }),
    );
  });
  test('a disqualification is for good; who leaves goes on leaving, unless disqualified', () => {
    fc.assert(
      fc.property(anyNode, anyPeriod, (node, period) => {
        expect(live({ ...node, standing: 'disqualified' }, period).standing).toBe('disqualified');
        expect(live({ ...node, standing: 'leaving' }, period).standing).toMatch(/^(leaving|disqualified)$/);
      }),
    );
  });
  test('is explained whenever it is not good', () => {
    fc.assert(
      fc.property(anyNode, ({ reputation, standing }) => {
        const reasons = explainStanding(standing, reputation);
        expect(reasons.length > 0).toBe(standing !== 'active');
        for (const reason of reasons) expect(reason).toMatch(/^[A-Z][^{}]*\d[^{}]*\.$/);
      }),
    );
    expect(explainStanding('leaving', proven.reputation)).toEqual([]);
    const away = live(proven, missed, 720);
    expect(explainStanding(away.standing, away.reputation)).toEqual(['It was away for 720 periods in a row.']);
    const liar = live(proven, failed(370));
    expect(explainStanding(liar.standing, liar.reputation)[0]).toContain('1 failed challenges, below 50.0 %');
  });
});
