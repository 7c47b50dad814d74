/** Judges a challenge again from its signed transcript, and says what each part of it shows. Pure: asks nobody. */
import {
  type Fault,
  challengeNonce,
  fail,
  followDraw,
  fromBase64Url,
  fromHex,
  type HoldfastError,
  openChallenge,
  openMessage,
  type OpenChallenge,
  type Outcome,
  periodCommitment,
  periodSecretHash,
  type RecordOf,
  recordsOfCommits,
  shardKeyOf,
  type SigningContext,
  verdict,
  verifyTranscript,
  ZERO_32,
} from '@holdfast/protocol';

export interface TranscriptFile extends SigningContext {
  readonly challenge: string;
  readonly verdict: string;
  readonly frame?: string;
  readonly lossReports: readonly string[];
  readonly commits: readonly string[];
  readonly commitment: string;
  readonly secret?: string;
}

export interface Finding {
  /** `shown`: proven by signatures and hashes; `unknown`: the evidence for it is not in the file. */
  readonly kind: 'shown' | 'unknown';
  readonly sentence: string;
}

export interface TranscriptReport {
  readonly mediatorId: string;
  readonly nodeId: string;
  readonly outcome: Outcome;
  readonly leaves: number;
  readonly shards: number;
  readonly faults: readonly {
    readonly clientId: string;
    readonly packId: string;
    readonly shardIndex: number;
    readonly fault: Fault;
  }[];
  readonly findings: readonly Finding[];
  /** Nothing is `unknown`. */
  readonly isComplete: boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isList = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

/** @throws HoldfastError `client.usage` for a file that is none */
export function readTranscript(text: string): TranscriptFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw noTranscript('it is no JSON');
  }
  const { transcript } = (parsed ?? {}) as { transcript?: Partial<Record<keyof TranscriptFile, unknown>> };
  if (typeof transcript !== 'object' || transcript === null) {
    throw noTranscript('it has no "transcript": there is one once the challenge is judged, for admins and operators');
  }
  for (const field of ['network', 'mediatorId', 'challenge', 'verdict', 'commitment'] as const) {
    if (!isText(transcript[field])) throw noTranscript(`"${field}" is missing`);
  }
  for (const field of ['lossReports', 'commits'] as const) {
    if (!isList(transcript[field])) throw noTranscript(`"${field}" is no list of tokens`);
  }
  for (const field of ['frame', 'secret'] as const) {
    if (transcript[field] !== undefined && !isText(transcript[field])) throw noTranscript(`"${field}" is no text`);
  }
  return transcript as TranscriptFile;
}

const noTranscript = (detail: string): HoldfastError =>
  fail('client.usage', {
    detail: `The file is no transcript of a challenge: ${detail}.`,
    command: 'verify-transcript',
  });

/**
 * @throws HoldfastError `verdict.unjust` when the verdict does not follow, `challenge.unfair` when the challenge is not
 *   what its period's secret says, `proof.*` and `message.*` when a part is not what it should be
 */
export function examineTranscript(file: TranscriptFile): TranscriptReport {
  const context: SigningContext = { network: file.network, mediatorId: file.mediatorId };
  const challenge = openChallenge(context, file.challenge);
  const said = openMessage(verdict, context, file.verdict);
  const shards = new Set(challenge.samples.map(shardKeyOf)).size;
  const findings = [
    ...examineCommitment(context, challenge, file),
    examineVerdict(context, challenge, said.proofHash, file),
  ];
  return {
    mediatorId: file.mediatorId,
    nodeId: said.nodeId,
    outcome: said.outcome,
    leaves: challenge.samples.length,
    shards,
    faults: said.faults,
    findings,
    isComplete: findings.every(({ kind }) => kind === 'shown'),
  };
}

function examineCommitment(context: SigningContext, challenge: OpenChallenge, file: TranscriptFile): Finding[] {
  const { terms } = challenge;
  const { secretHash, periodStartMs } = openMessage(periodCommitment, context, file.commitment);
  if (secretHash !== terms.secretHash || periodStartMs !== terms.periodStartMs) {
    throw fail('challenge.unfair', { detail: 'the mediator committed to another secret' });
  }
  const committed: Finding = {
    kind: 'shown',
    sentence: 'The mediator signed the hash of the period’s secret, and the challenge is of that period.',
  };
  if (file.secret === undefined) {
    const sentence =
      'The period’s secret is not in the open yet: whether nonce and leaves follow from it cannot be said.';
    return [committed, { kind: 'unknown', sentence }];
  }
  const secret = fromHex(file.secret, 32);
  if (periodSecretHash(secret) !== secretHash) throw fail('challenge.unfair', { detail: 'the secret is another one' });
  if (challengeNonce({ secret, nodeId: terms.nodeId, periodStartMs }) !== terms.nonce) {
    throw fail('challenge.unfair', { detail: 'its nonce does not follow from the secret' });
  }
  return [
    committed,
    { kind: 'shown', sentence: 'Its nonce follows from that secret: the mediator could not choose it.' },
    examineDraw(challenge, secret),
  ];
}

function examineDraw(challenge: OpenChallenge, secret: Uint8Array): Finding {
  const { leaves, numbers, inHoles } = followDraw(challenge, secret);
  const others = challenge.samples.length - leaves;
  const word = `${others} of the leaves are owed by agreements or carried over: that is the mediator’s word.`;
  if (leaves === 0) return { kind: 'shown', sentence: `No leaf was drawn by bytes; ${word}` };
  const sentence =
    `The draws follow from the secret: the ${leaves === 1 ? 'one leaf' : `${leaves} leaves`} drawn by bytes ` +
    `lie where its first ${numbers === 1 ? 'number falls' : `${numbers} numbers fall`}, on the line of ${challenge.terms.lineLeaves} leaves that the mediator signed. ` +
    `${inHoles} numbers fell on nothing that was asked for; that these are holes, and where shards lie, is its word.`;
  return { kind: 'shown', sentence: others === 0 ? sentence : `${sentence} ${word}` };
}

function examineVerdict(
  context: SigningContext,
  challenge: OpenChallenge,
  proofHash: string,
  file: TranscriptFile,
): Finding {
  const { frame, lossReports } = file;
  if (frame === undefined && proofHash !== ZERO_32) {
    const sentence =
      'The verdict is signed, but leaves and paths of the answer are not kept any more: it cannot be judged again.';
    return { kind: 'unknown', sentence };
  }
  const recordOf = recordsOfCommits(context, file.commits);
  const unknown = frame === undefined ? 0 : countUnknown(challenge, recordOf);
  if (unknown > 0) {
    const sentence = `The roots of ${unknown} shards asked for are missing (their packs were dropped since): it cannot be judged again.`;
    return { kind: 'unknown', sentence };
  }
  const evidence = { challenge: file.challenge, verdict: file.verdict, lossReports };
  verifyTranscript(context, frame === undefined ? evidence : { ...evidence, frame: fromBase64Url(frame) }, recordOf);
  return {
    kind: 'shown',
    sentence:
      frame === undefined
        ? 'There is no answer of the node, and the verdict says so. That none came in time is the mediator’s word.'
        : 'The node signed this answer to this challenge; judged again by what clients signed, the verdict follows from it.',
  };
}

const countUnknown = ({ samples }: OpenChallenge, recordOf: RecordOf): number =>
  new Set(samples.filter((sample) => recordOf(sample) === undefined).map(shardKeyOf)).size;
