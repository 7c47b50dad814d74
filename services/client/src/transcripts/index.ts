/** Transcripts of challenges: what they prove, without asking anybody. */
export {
  examineTranscript,
  type Finding,
  readTranscript,
  type TranscriptFile,
  type TranscriptReport,
} from './examine-transcript.ts';
