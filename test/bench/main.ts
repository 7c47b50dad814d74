/**
 * npm run bench [-- --only PART] [-- --runs 3] [-- --mixed-gb 2] [-- --random-gb 3] [-- --pairs 100000]
 *   [-- --verdict passed|missed] [-- --node-gb 0.5,1] [-- --dir DIR]
 * Parts: stages of the codec; challenges, choosing, settlement and traffic, which the market does for everybody; then mixed
 * and random, Holdfast beside restic on the same trees and machine, in alternating runs: read the ratios, not the seconds.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareTrees } from '@holdfast/testkit';
import { benchChallenges } from './challenges.ts';
import { benchChoosing } from './choosing.ts';
import { type Contender, createHoldfast, createRestic, machine } from './contenders.ts';
import { type Measurement, medians } from './measure.ts';
import { benchTraffic } from './node-traffic.ts';
import { benchSettlements } from './settlement.ts';
import { benchStages } from './stages.ts';
import { makeMixedTree, makeRandomTree, type TreeFacts } from './trees.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    'mixed-gb': { type: 'string', default: '2' },
    'random-gb': { type: 'string', default: '3' },
    pairs: { type: 'string', default: '100000' },
    verdict: { type: 'string', default: 'passed' },
    'node-gb': { type: 'string', default: '0.5,1' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
  },
});

const PHASES = ['backup', 'again', 'restore'] as const;
type Results = Record<(typeof PHASES)[number], Measurement[]>;

async function runOnce(
  contender: Contender,
  round: string,
  source: string,
  work: string,
  results: Results,
): Promise<void> {
  const prepared = await contender.prepare(round);
  try {
    results.backup.push(await prepared.backup(source));
    results.again.push(await prepared.backup(source));
    const target = join(work, `restored-${contender.name}`);
    results.restore.push(await prepared.restore(target));
    const { differences } = await compareTrees(source, join(target, source));
    if (differences.length > 0) throw new Error(`${contender.name} restored something else: ${differences[0]!.path}`);
    rmSync(target, { recursive: true });
  } finally {
    await prepared.end();
  }
}

async function compete(
  title: string,
  source: string,
  facts: TreeFacts,
  contenders: Contender[],
  work: string,
): Promise<void> {
  const all = new Map<Contender, Results>(
    contenders.map((contender) => [contender, { backup: [], again: [], restore: [] }]),
  );
  for (let run = 0; run < Number(values.runs); run += 1) {
    for (const [contender, results] of all) await runOnce(contender, `${title}-${run}`, source, work, results);
  }
  process.stdout.write(
    `\n${title}: ${facts.files} files, ${(facts.bytes / 1e9).toFixed(2)} GB, medians of ${values.runs} alternating runs\n`,
  );
  process.stdout.write('phase    who        wall s   MB/s   client CPU s   machine CPU s   client peak MB\n');
  for (const phase of PHASES) {
    const [ours, theirs] = contenders.map((contender) => medians(all.get(contender)![phase]));
    for (const [index, found] of [ours, theirs].entries()) {
      if (found === undefined) continue;
      const cells = [
        phase.padEnd(8),
        contenders[index]!.name.padEnd(9),
        found.wallSeconds.toFixed(2).padStart(7),
        (facts.bytes / 1e6 / found.wallSeconds).toFixed(0).padStart(6),
        found.cpuSeconds.toFixed(2).padStart(14),
        found.systemCpuSeconds.toFixed(2).padStart(15),
        (found.peakBytes / 1e6).toFixed(0).padStart(16),
      ];
      process.stdout.write(`${cells.join(' ')}\n`);
    }
    if (ours !== undefined && theirs !== undefined) {
      const speed = (theirs.wallSeconds / ours.wallSeconds).toFixed(2);
      const cpu = (ours.cpuSeconds / theirs.cpuSeconds).toFixed(2);
      process.stdout.write(`         ratio: ${speed} times restic's speed at ${cpu} of its client CPU seconds\n`);
    }
  }
}

const isWanted = (part: string): boolean => values.only === undefined || values.only === part;

async function competeOver(title: string, gigabytes: number, make: typeof makeMixedTree): Promise<void> {
  const work = mkdtempSync(join(values.dir, 'holdfast-bench-'));
  chmodSync(work, 0o711); // the user that Postgres runs as, where root started it, passes through
  try {
    const source = join(work, title);
    mkdirSync(source);
    const facts = make(source, gigabytes * 1e9, `holdfast ${title} 1`);
    await compete(title, source, facts, [createHoldfast(work), await createRestic(work)], work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** In this order. Each prints its own table. */
const PARTS: Readonly<Record<string, () => unknown>> = {
  stages: benchStages,
  challenges: benchChallenges,
  choosing: benchChoosing,
  settlement: () => benchSettlements(Number(values.pairs), values.verdict === 'missed' ? 'missed' : 'passed'),
  traffic: () => benchTraffic(values.dir, values['node-gb'].split(',').map(Number)),
  mixed: () => competeOver('mixed', Number(values['mixed-gb']), makeMixedTree),
  random: () => competeOver('random', Number(values['random-gb']), makeRandomTree),
};

if (values.only !== undefined && !Object.hasOwn(PARTS, values.only)) {
  process.stderr.write(`There is no part ${values.only}; there are ${Object.keys(PARTS).join(', ')}.\n`);
  process.exit(2);
}
const load = loadavg().map((average) => average.toFixed(1));
process.stdout.write(`${machine()}, load averages at the start ${load.join(', ')}\n`);
for (const [name, run] of Object.entries(PARTS)) if (isWanted(name)) await run();
