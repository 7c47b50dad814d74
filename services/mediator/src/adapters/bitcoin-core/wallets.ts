/** The node's watch-only wallets: made when they are missing, and told which addresses to watch. */
import { fail, HoldfastError } from '@holdfast/protocol';
import type { WalletName, WatchOptions } from '../../rail/index.ts';
import { type CallOptions, RPC, type Rpc, RpcError } from './rpc.ts';

export interface Wallets {
  watch(name: WalletName, options: WatchOptions): Promise<void>;
  /** A call to that wallet. @throws HoldfastError `rail.not-watched` */
  call<T>(name: WalletName, method: string, params: readonly unknown[]): Promise<T>;
  batch<T>(
    name: WalletName,
    calls: readonly { method: string; params: readonly unknown[] }[],
  ): Promise<(T | RpcError)[]>;
}

/** What was imported to the end: kept as the label of a descriptor's first address, where other processes find it. */
interface Marker {
  readonly lastIndex: number;
  readonly sinceSeconds: number;
}

const fileName = (name: WalletName): string => `holdfast-${name}`;
const MARKER = /^holdfast (\d+) (\d+)$/;
const markerText = ({ lastIndex, sinceSeconds }: Marker): string => `holdfast ${lastIndex} ${sinceSeconds}`;

export interface WalletsOptions {
  readonly scanTimeoutMs: number;
  /** Addresses are imported so many at a time, so that a new one seldom needs an import. */
  readonly rangeStep: number;
}

export function createWallets(rpc: Rpc, { scanTimeoutMs, rangeStep }: WalletsOptions): Wallets {
  /** Wallets whose import was seen to be complete. */
  const known = new Set<WalletName>();

  const load = async (name: WalletName): Promise<void> => {
    try {
      await rpc.call('loadwallet', [fileName(name), true], { isWrite: true, timeoutMs: scanTimeoutMs });
    } catch (error) {
      if (isCode(error, RPC.walletAlreadyLoaded)) return;
      if (isCode(error, RPC.walletNotFound)) throw fail('rail.not-watched', { wallet: name }, error);
      throw error;
    }
  };

  /** The node forgets which wallets were loaded when it is restored from a backup, or its settings are lost. */
  const onWallet = async <T>(name: WalletName, send: (options: CallOptions) => Promise<T>): Promise<T> => {
    try {
      return await send({ wallet: fileName(name) });
    } catch (error) {
      if (!isCode(error, RPC.walletNotFound)) throw error;
      known.delete(name);
      await load(name);
      return send({ wallet: fileName(name) });
    }
  };

  /** A wallet whose import was cut short would miss what it should have seen. */
  const ensureWatched = async (name: WalletName): Promise<void> => {
    if (known.has(name)) return;
    const labels = await onWallet(name, (options) => rpc.call<string[]>('listlabels', [], options));
    if (!labels.some((label) => MARKER.test(label))) throw fail('rail.not-watched', { wallet: name });
    known.add(name);
  };

  const openOrCreate = async (name: WalletName): Promise<void> => {
    const loaded = await rpc.call<string[]>('listwallets');
    if (loaded.includes(fileName(name))) return;
    try {
      await load(name);
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'rail.not-watched')) throw error;
      // No private keys, nothing in it, no passphrase, addresses may be used again, descriptors, loaded at each start.
      const settings = [fileName(name), true, true, '', false, true, true];
      await rpc.call('createwallet', settings, { isWrite: true }).catch((failure: unknown) => {
        const isThere = isCode(failure, RPC.walletAlreadyExists) || isCode(failure, RPC.walletError);
        if (!isThere) throw failure;
        // Another process was faster.
        return load(name);
      });
    }
  };

  const watchOne = async (name: WalletName, descriptor: string, wanted: WatchOptions): Promise<void> => {
    const options = { wallet: fileName(name) };
    const [first] = await rpc.call<string[]>('deriveaddresses', [descriptor, [0, 0]]);
    const { labels } = await rpc.call<{ labels?: string[] }>('getaddressinfo', [first], options);
    const marker = readMarker(labels ?? []);
    const sinceSeconds = wanted.sinceMs === undefined ? undefined : Math.floor(wanted.sinceMs / 1000);
    const isWide = marker !== undefined && marker.lastIndex >= wanted.lastIndex;
    const isOld = marker !== undefined && (sinceSeconds === undefined || marker.sinceSeconds <= sinceSeconds);
    if (isWide && isOld) return;

    const lastIndex = Math.max(
      marker?.lastIndex ?? 0,
      roundUp(wanted.lastIndex, rangeStep),
      await rangeEnd(name, descriptor),
    );
    const { mediantime } = await rpc.call<{ mediantime: number }>('getblockchaininfo');
    const request = { desc: descriptor, range: [0, lastIndex], timestamp: sinceSeconds ?? 'now', active: false };
    const [result] = await rpc.call<{ success: boolean; error?: { message?: string } }[]>(
      'importdescriptors',
      [[request]],
      { ...options, isWrite: true, timeoutMs: scanTimeoutMs },
    );
    if (result?.success !== true) {
      throw fail('rail.unsuitable', {
        detail: `it does not watch our addresses: ${result?.error?.message ?? 'no reason'}`,
      });
    }
    const since = Math.min(marker?.sinceSeconds ?? Infinity, sinceSeconds ?? mediantime);
    await rpc.call('setlabel', [first, markerText({ lastIndex, sinceSeconds: since })], { ...options, isWrite: true });
  };

  /** The node widens a range by itself as addresses are used, and refuses to narrow it. */
  const rangeEnd = async (name: WalletName, descriptor: string): Promise<number> => {
    const options = { wallet: fileName(name) };
    const { descriptors } = await rpc.call<{ descriptors: { desc: string; range?: [number, number] }[] }>(
      'listdescriptors',
      [],
      options,
    );
    return descriptors.find(({ desc }) => plain(desc) === plain(descriptor))?.range?.[1] ?? 0;
  };

  return {
    async watch(name, options) {
      await openOrCreate(name);
      for (const descriptor of options.descriptors) await watchOne(name, descriptor, options);
      known.add(name);
    },
    async call<T>(name: WalletName, method: string, params: readonly unknown[]): Promise<T> {
      await ensureWatched(name);
      return onWallet(name, (options) => rpc.call<T>(method, params, options));
    },
    async batch<T>(name: WalletName, calls: readonly { method: string; params: readonly unknown[] }[]) {
      if (calls.length === 0) return [];
      await ensureWatched(name);
      return rpc.batch<T>(calls, { wallet: fileName(name) });
    },
  };
}

const isCode = (error: unknown, code: number): boolean => error instanceof RpcError && error.code === code;
const roundUp = (lastIndex: number, step: number): number => Math.ceil((lastIndex + 1) / step) * step - 1;
const plain = (descriptor: string): string => descriptor.replace(/#.*$/, '').replaceAll("'", 'h');

function readMarker(labels: readonly string[]): Marker | undefined {
  const match = labels.map((label) => MARKER.exec(label)).find((found) => found !== null);
  return match == null ? undefined : { lastIndex: Number(match[1]), sinceSeconds: Number(match[2]) };
}
