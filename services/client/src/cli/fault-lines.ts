/** Which node did what, a line each. */
import { shortId } from '@holdfast/protocol';
import type { FaultKind, NodeFaults } from '../restore/index.ts';
import { countOf } from './format.ts';

const WORDS: Readonly<Record<FaultKind, string>> = {
  unreachable: 'could not be reached',
  'wrong-bytes': 'served bytes that do not match their root',
  'wrong-length': 'served something of another length',
  lost: 'does not have what it should',
  refused: 'refused',
};

export const faultLines = (faults: readonly NodeFaults[]): string[] =>
  faults.map(({ nodeId, counts, first }) => {
    const kinds = Object.entries(counts) as [FaultKind, number][];
    const said = kinds.map(([kind, count]) => `${WORDS[kind]} (${countOf(count, 'time')})`).join(', ');
    return `  node ${shortId(nodeId)} ${said}: ${first.detail}`;
  });
