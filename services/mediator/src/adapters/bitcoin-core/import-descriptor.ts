/** Has the node watch a descriptor's addresses, and remembers there how far that went: an import can be cut short. */
import { fail } from '@holdfast/protocol';
import type { WatchOptions } from '../../rail/index.ts';
import type { Rpc } from './rpc.ts';

export interface ImportSettings {
  /** For what reads the whole chain. */
  readonly scanTimeoutMs: number;
  /** Addresses are imported so many at a time, so that a new one seldom needs an import. */
  readonly rangeStep: number;
}

interface Target extends ImportSettings {
  readonly rpc: Rpc;
  readonly wallet: string;
}

/** What was imported to the end: kept as the label of a descriptor's first address, where other processes find it. */
interface Marker {
  readonly lastIndex: number;
  readonly sinceSeconds: number;
}

const MARKER = /^holdfast (\d+) (\d+)$/;

/** Whether this label of an address says that an import came to its end. */
export const isMarker = (label: string): boolean => MARKER.test(label);

/** Does nothing where all that is asked for is watched already. @throws HoldfastError `rail.unsuitable` with the reason */
export async function importDescriptor(descriptor: string, wanted: WatchOptions, target: Target): Promise<void> {
  const { rpc, wallet, rangeStep, scanTimeoutMs } = target;
  const [first] = await rpc.call<string[]>('deriveaddresses', [descriptor, [0, 0]]);
  const { labels } = await rpc.call<{ labels?: string[] }>('getaddressinfo', [first], { wallet });
  const marker = readMarker(labels ?? []);
  const sinceSeconds = wanted.sinceMs === undefined ? undefined : Math.floor(wanted.sinceMs / 1000);
  const isWide = marker !== undefined && marker.lastIndex >= wanted.lastIndex;
  const isOld = marker !== undefined && (sinceSeconds === undefined || marker.sinceSeconds <= sinceSeconds);
  if (isWide && isOld) return;

  const rounded = Math.ceil((wanted.lastIndex + 1) / rangeStep) * rangeStep - 1;
  const lastIndex = Math.max(marker?.lastIndex ?? 0, rounded, await rangeEnd(descriptor, target));
  const { mediantime } = await rpc.call<{ mediantime: number }>('getblockchaininfo');
  const request = { desc: descriptor, range: [0, lastIndex], timestamp: sinceSeconds ?? 'now', active: false };
  const [result] = await rpc.call<{ success: boolean; error?: { message?: string } }[]>(
    'importdescriptors',
    [[request]],
    { wallet, isWrite: true, timeoutMs: scanTimeoutMs },
  );
  if (result?.success !== true) {
    const reason = result?.error?.message ?? 'no reason given';
    throw fail('rail.unsuitable', { detail: `it does not watch our addresses: ${reason}` });
  }
  const since = Math.min(marker?.sinceSeconds ?? Infinity, sinceSeconds ?? mediantime);
  await rpc.call('setlabel', [first, `holdfast ${lastIndex} ${since}`], { wallet, isWrite: true });
}

/** The node widens a range by itself as addresses are used, and refuses to narrow it. */
async function rangeEnd(descriptor: string, { rpc, wallet }: Target): Promise<number> {
  const { descriptors } = await rpc.call<{ descriptors: { desc: string; range?: [number, number] }[] }>(
    'listdescriptors',
    [],
    { wallet },
  );
  return descriptors.find(({ desc }) => plain(desc) === plain(descriptor))?.range?.[1] ?? 0;
}

const plain = (descriptor: string): string => descriptor.replace(/#.*$/, '').replaceAll("'", 'h');

function readMarker(labels: readonly string[]): Marker | undefined {
  const match = labels.map((label) => MARKER.exec(label)).find((found) => found !== null);
  return match == null ? undefined : { lastIndex: Number(match[1]), sinceSeconds: Number(match[2]) };
}
