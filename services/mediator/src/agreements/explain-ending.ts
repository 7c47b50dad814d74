/** What an early end means, said to the party that would end it. Pure. */
import { formatBytes, formatSats, shortId } from '@holdfast/protocol';
import type { AgreementRecord, Ending } from './ports.ts';

export function explainEnding(
  { nodeId, clientId, vaultId }: Pick<AgreementRecord, 'nodeId' | 'clientId' | 'vaultId'>,
  { storedBytes, releasedMsat }: Pick<Ending, 'storedBytes' | 'releasedMsat'>,
  party: 'client' | 'node',
): string {
  const bytes = formatBytes(storedBytes);
  const money = formatSats(releasedMsat);
  if (party === 'client') {
    return (
      `From the next period on nothing is due for ${bytes} of vault ${shortId(vaultId)} at node ${shortId(nodeId)}, ` +
      `and ${money} that are held for them come back to you at once. The node then deletes these shards: ` +
      'their packs have one shard fewer to spare, and packs that had none to spare cannot be read any more. ' +
      'This cannot be undone.'
    );
  }
  return (
    `From the next period on your node is not paid for ${bytes} of client ${shortId(clientId)}, and ${money} go back to ` +
    'the client. What the node has earned stays its own; what it costs to rebuild these shards elsewhere is taken from what is ' +
    'withheld of its pay. Keep them until the mediator orders their deletion: until then they are still challenged. ' +
    'This cannot be undone.'
  );
}
