/** `holdfast verify-transcript`: judges a challenge again, from its signed evidence alone. */
import type { Command } from 'commander';
import type { TranscriptReport } from '../../transcripts/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly mediatorId?: string;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Judges a challenge again from a file with its signed transcript (GET /v1/challenges/ID), and says what it shows. ' +
        'Needs no vault, no keys and no network: anybody can do it.',
    )
    .argument('<file>', 'the transcript')
    .option('--mediator-id <hex>', 'who must have signed it; without it, whoever signed it is named')
    .addHelpText(
      'after',
      `
Exit status 0: all of it is proven.
            3: what is there is right, but some of the evidence is not kept any more, or not in the open yet.
            6: a signature or the verdict is wrong; keep the file.

Examples:
  holdfast verify-transcript challenge.json
`,
    )
    .action((file: string, options: Options) => run((cli) => verify(cli, file, options)));
}

async function verify(cli: Cli, file: string, { mediatorId }: Options): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const { EXIT_CODES, fail } = await import('@holdfast/protocol');
  const { examineTranscript, readTranscript } = await import('../../transcripts/index.ts');
  const transcript = readTranscript(await readFile(file, 'utf8'));
  if (mediatorId !== undefined && mediatorId !== transcript.mediatorId) {
    throw fail('verdict.unjust', { detail: `mediator ${transcript.mediatorId} signed it, not the one that you named` });
  }
  const report = examineTranscript(transcript);
  await show(cli, report);
  cli.console.result({ ...report });
  return report.isComplete ? EXIT_CODES.ok : EXIT_CODES.incomplete;
}

async function show({ console }: Cli, report: TranscriptReport): Promise<void> {
  const { countOf } = await import('../format.ts');
  const asked = `${countOf(report.leaves, 'leaf', 'leaves')} of ${countOf(report.shards, 'shard')}`;
  console.say(`Mediator ${report.mediatorId}`);
  console.say(`asked node ${report.nodeId}`);
  console.say(`for ${asked}. ${SAID[report.outcome](report.faults.length)}`);
  for (const { kind, sentence } of report.findings)
    console.say(`${kind === 'shown' ? '[proven] ' : '[open]   '}${sentence}`);
  for (const { clientId, packId, shardIndex, fault } of report.faults) {
    console.say(`lost: shard ${shardIndex} of pack ${packId} of client ${clientId}: ${FAULTS[fault]}`);
  }
}

const SAID: Readonly<Record<TranscriptReport['outcome'], (faults: number) => string>> = {
  passed: () => 'The verdict: passed, it showed every one of them.',
  failed: (faults) => `The verdict: failed, with ${faults === 1 ? 'one shard' : `${faults} shards`} lost.`,
  missed: () => 'The verdict: missed, no answer by the deadline. That says nothing about what the node holds.',
};

const FAULTS: Readonly<Record<TranscriptReport['faults'][number]['fault'], string>> = {
  absent: 'the node admitted that it cannot show it',
  mismatch: 'what it showed does not match the root that the client signed',
  'late-report': 'it reported the loss when it had been asked already',
};
