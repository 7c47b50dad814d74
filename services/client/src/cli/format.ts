/** How numbers, times and tables look to people. */
import { formatBytes, formatCount, formatSats } from '@holdfast/protocol';

export { formatBytes, formatCount, formatSats };

/** `1 file`, `2,345 files` */
export const countOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** `2026-11-21 15:33`, in the machine's time zone. */
export function formatTime(atMs: number): string {
  const time = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** `0.8 s`, `12 s`, `3:05 min`, `1:02:03 h` */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)} h`;
}

/** `3 hours ago`, from minutes to days. */
export function formatAgo(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${countOf(minutes, 'minute')} ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${countOf(hours, 'hour')} ago` : `${countOf(Math.floor(hours / 24), 'day')} ago`;
}

/** How long the money lasts. */
export function formatRunway({ runwayDays, missingMsat }: { runwayDays?: number; missingMsat: string }): string {
  if (runwayDays === undefined) return 'more than a year';
  const days = runwayDays < 2 ? runwayDays.toFixed(1) : formatCount(Math.floor(runwayDays));
  return `${days} days; for a year ${formatSats(missingMsat)} are missing`;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows below their titles, two blanks between columns, nothing at the ends of lines. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = columns.some(({ title }) => title !== '') ? [columns.map(({ title }) => title), ...rows] : rows;
  const widths = columns.map((_, column) => Math.max(0, ...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    columns
      .map(({ align }, column) => {
        const cell = row[column] ?? '';
        return align === 'right' ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
      })
      .join('  ')
      .trimEnd(),
  );
}
