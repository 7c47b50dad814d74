/** The node's watch-only wallets: made when they are missing, and told which addresses to watch. */
import { fail, HoldfastError } from '@holdfast/protocol';
import type { WalletName, WatchOptions } from '../../rail/index.ts';
import { importDescriptor, type ImportSettings, isMarker } from './import-descriptor.ts';
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

const fileName = (name: WalletName): string => `holdfast-${name}`;

export function createWallets(rpc: Rpc, settings: ImportSettings): Wallets {
  const { scanTimeoutMs } = settings;
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
    if (!labels.some(isMarker)) throw fail('rail.not-watched', { wallet: name });
    known.add(name);
  };

  /** Another process was faster, and may not have come to the end. */
  const loadOfAnother = async (name: WalletName): Promise<void> => {
    try {
      await load(name);
    } catch (error) {
      if (!isNotWatched(error)) throw error;
      throw fail('rail.away', { detail: 'another process is just making its wallet' }, error);
    }
  };

  const openOrCreate = async (name: WalletName): Promise<void> => {
    const loaded = await rpc.call<string[]>('listwallets');
    if (loaded.includes(fileName(name))) return;
    try {
      await load(name);
    } catch (error) {
      if (!isNotWatched(error)) throw error;
      // No private keys, nothing in it, no passphrase, addresses may be used again, descriptors, loaded at each start.
      const settings = [fileName(name), true, true, '', false, true, true];
      await rpc.call('createwallet', settings, { isWrite: true }).catch((failure: unknown) => {
        const isThere = isCode(failure, RPC.walletAlreadyExists) || isCode(failure, RPC.walletError);
        if (!isThere) throw failure;
        return loadOfAnother(name);
      });
    }
  };

  return {
    async watch(name, options) {
      await openOrCreate(name);
      const importing = { rpc, wallet: fileName(name), ...settings };
      for (const descriptor of options.descriptors) await importDescriptor(descriptor, options, importing);
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

const isNotWatched = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'rail.not-watched';

const isCode = (error: unknown, code: number): boolean => error instanceof RpcError && error.code === code;
