/** `holdfast ls`: what is in a snapshot. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ListedEntry } from '../list-entries.ts';
import type { Cli } from '../cli.ts';
import type { Console } from '../console.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly long?: boolean;
  readonly recursive?: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description('Lists what is in a snapshot: the watched directories, or what is in a directory of them.')
    .argument('[snapshot]', 'its first digits (four or more), or latest', 'latest')
    .argument('[path]', 'a directory or file as it was on the disk')
    .option('-l, --long', 'with mode, owner, size in bytes and time')
    .option('-R, --recursive', 'with all that is below')
    .addHelpText(
      'after',
      `
A single argument is a path in the latest snapshot, unless it is latest, or four or more hexadecimal digits: a directory
that is called so is ./cafe. A path that does not begin with / is looked up from where you are.

Examples:
  holdfast ls
  holdfast ls /home/ann/photos -l
  holdfast ls 3f09c2aa /home/ann
`,
    )
    .action((first: string, second: string | undefined, options: Options) =>
      run((cli) => ls(cli, first, second, options)),
    );
}

/** Snapshots are named by hex digits. */
const isPath = (text: string): boolean => text !== 'latest' && !/^[0-9a-f]{4,32}$/i.test(text);

const loadListing = async () => ({
  ...(await import('../../vault/index.ts')),
  ...(await import('../list-entries.ts')),
  ...(await import('../read-snapshots.ts')),
});

async function ls(cli: Cli, first: string, second: string | undefined, options: Options): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  const isOnlyPath = second === undefined && isPath(first);
  const wanted = isOnlyPath ? 'latest' : first;
  const given = isOnlyPath ? first : second;
  const path = given === undefined ? undefined : resolve(given);
  await lookIntoVault(
    cli,
    async (vault) => {
      const { findSnapshot, listEntries, readSnapshot, readVaultSnapshots } = await loadListing();
      const show = await entryPrinter(cli.console, path, options);
      const { snapshots, getChunk } = await readVaultSnapshots(vault, cli.signal);
      const snapshot = await readSnapshot(findSnapshot(snapshots, wanted), getChunk);
      let count = 0;
      for await (const entry of listEntries(snapshot, getChunk, { path, recursive: options.recursive === true })) {
        cli.signal.throwIfAborted();
        show(entry);
        count += 1;
      }
      cli.console.result({ snapshotId: snapshot.snapshotId, createdAtMs: snapshot.createdAtMs, count });
    },
    { preload: loadListing },
  );
}

const TYPE_LETTERS = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  'character-device': 'c',
  'block-device': 'b',
};
const MODE_LETTERS = 'rwxrwxrwx';
const WIDTHS = { owner: 8, size: 12 };

async function entryPrinter(
  console: Console,
  base: string | undefined,
  { long }: Options,
): Promise<(entry: ListedEntry) => void> {
  const { showPath } = await import('../../restore/target-path.ts');
  const { formatTime } = await import('../format.ts');
  const prefix = base === undefined ? '' : base === '/' ? '/' : `${base}/`;
  return ({ path, meta }) => {
    const isDirectory = meta === undefined || meta.type === 'directory';
    const shown = showPath(path);
    if (console.isJson) {
      console.event('entry', jsonEntry(shown, meta));
      return;
    }
    const name = `${shown.startsWith(prefix) ? shown.slice(prefix.length) : shown}${isDirectory && shown !== '/' ? '/' : ''}`;
    if (!long) {
      console.say(name);
      return;
    }
    const owner = meta === undefined ? '' : meta.userName || String(meta.uid);
    const group = meta === undefined ? '' : meta.groupName || String(meta.gid);
    const size = meta?.type === 'file' ? String(meta.content!.sizeBytes) : '';
    const time = meta === undefined ? ' '.repeat(16) : formatTime(Number(meta.mtimeNs / 1_000_000n));
    const target = meta?.target === undefined ? '' : ` -> ${showPath(meta.target)}`;
    const row = [
      modeOf(meta),
      owner.padEnd(WIDTHS.owner),
      group.padEnd(WIDTHS.owner),
      size.padStart(WIDTHS.size),
      time,
    ];
    console.say(`${row.join(' ')} ${name}${target}`);
  };
}

/** `drwxr-xr-x`, with s and t as ls shows them. */
export function modeOf(meta: ListedEntry['meta']): string {
  if (meta === undefined) return 'd?????????';
  const letters = Array.from(MODE_LETTERS, (letter, index) => ((meta.mode >> (8 - index)) & 1 ? letter : '-'));
  const special: readonly [bit: number, place: number, letter: string][] = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ];
  for (const [bit, place, letter] of special) {
    if (meta.mode & bit) letters[place] = letters[place] === 'x' ? letter : letter.toUpperCase();
  }
  return `${TYPE_LETTERS[meta.type]}${letters.join('')}`;
}

function jsonEntry(path: string, meta: ListedEntry['meta']): Record<string, unknown> {
  if (meta === undefined) return { path, fileType: 'directory' };
  const { type: fileType, mode, uid, gid, userName, groupName, mtimeNs, hardLinkGroup, target } = meta;
  return {
    path,
    fileType,
    mode,
    uid,
    gid,
    userName,
    groupName,
    mtimeNs,
    ...(fileType === 'file' ? { sizeBytes: meta.content!.sizeBytes } : {}),
    ...(hardLinkGroup === undefined ? {} : { hardLinkGroup }),
    ...(target === undefined ? {} : { target: Buffer.from(target).toString('utf8') }),
  };
}
