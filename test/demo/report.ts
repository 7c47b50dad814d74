/** What the demo prints: one voice, plain words, no colour where there is no terminal. */
import { formatBytes } from '@holdfast/protocol';

const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const bold = (text: string): string => (colour ? `\u001b[1m${text}\u001b[0m` : text);
const green = (text: string): string => (colour ? `\u001b[32m${text}\u001b[0m` : text);
const red = (text: string): string => (colour ? `\u001b[31m${text}\u001b[0m` : text);

export const say = (text = ''): void => void process.stdout.write(`${text}\n`);
export const step = (text: string): void => say(`\n${bold(text)}`);
export const good = (text: string): void => say(`  ${green('✓')} ${text}`);
export const bad = (text: string): void => say(`  ${red('✗')} ${text}`);
export const fact = (text: string): void => say(`  ${text}`);

/** Left-aligned columns, indented by two. */
export function table(rows: string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    say(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}`,
    );
}

export const count = (value: number, one: string, many = `${one}s`): string =>
  `${value.toLocaleString('en-GB')} ${value === 1 ? one : many}`;
export const rate = (bytes: number, ms: number): string =>
  `${formatBytes(Math.round(bytes / (Math.max(ms, 1) / 1000)))}/s`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
/** Millisatoshi as satoshi, three digits after the point. */
export const satsOf = (msat: string): string =>
  (Number(msat) / 1000).toLocaleString('en-GB', { maximumFractionDigits: 3 });
/** Whole satoshi as bitcoin, without zeros at the end. */
export const bitcoinText = (sats: bigint): string =>
  `${(Number(sats) / 1e8).toLocaleString('en-GB', { maximumFractionDigits: 8 })} BTC`;
