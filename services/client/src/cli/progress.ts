/** The bar on standard error (only on a terminal), and progress as JSON lines where they are asked for. */
import { MultiBar, Presets } from 'cli-progress';
import type { Cli } from './cli.ts';
import type { OutputStream } from './console.ts';
import { countOf, formatBytes, formatDuration } from './format.ts';

export interface ProgressState {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** False: more may come. */
  readonly isTotalKnown: boolean;
  readonly doneFiles: number;
  /** For JSON lines. */
  readonly fields: object;
}

export interface Progress {
  update(state: ProgressState): void;
  stop(): void;
}

const FRAMES_PER_SECOND = 8;
const JSON_EVERY_MS = 500;
/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 8_000;
const BAR_WIDTH = 24;
const SHORT_BAR_WIDTH = 10;
const WIDE_COLUMNS = 105;
const PART_SEPARATOR = ' · ';
const DEFAULT_COLUMNS = 80;

/** Notes that come while it runs are written above the bar. */
export function startProgress({ console, clock }: Pick<Cli, 'console' | 'clock'>, title: string): Progress {
  const rate = new Rate(() => clock.nowMs());
  const bars = console.showsProgress ? createBars(console.options.errors, title) : undefined;
  const bar = bars?.create(1, 0, { text: 'starting' });
  let lastJsonMs = 0;
  console.redirectNotes(bars && ((text) => bars.log(text)));
  return {
    update(state) {
      rate.add(state.doneBytes);
      bar?.setTotal(Math.max(1, state.totalBytes));
      bar?.update(Math.min(state.doneBytes, state.totalBytes), { text: describe(state, rate.perSecond()) });
      if (!console.options.jsonProgress || clock.nowMs() - lastJsonMs < JSON_EVERY_MS) return;
      lastJsonMs = clock.nowMs();
      console.progress({ ...state.fields, bytesPerSecond: Math.round(rate.perSecond()) });
    },
    stop() {
      console.redirectNotes(undefined);
      // Once more, for what was noted since the last frame.
      bars?.update();
      bars?.stop();
    },
  };
}

function createBars(stream: OutputStream, title: string): MultiBar {
  return new MultiBar(
    {
      stream: stream as unknown as NodeJS.WritableStream,
      fps: FRAMES_PER_SECOND,
      clearOnComplete: true,
      // Nothing may need to be set back when a second Ctrl-C ends the process at once.
      hideCursor: false,
      linewrap: true,
      gracefulExit: false,
      format: (_options, { progress }, { text }: { text: string }) => {
        // A terminal of no known width says 0.
        return progressLine(title, progress, text, (stream.columns || DEFAULT_COLUMNS) - 1);
      },
    },
    Presets.legacy,
  );
}

/** On a narrow terminal the bar is shorter, and the text loses what stands last in it. */
export function progressLine(title: string, share: number, text: string, width: number): string {
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const bar = drawBar(share, width < WIDE_COLUMNS ? SHORT_BAR_WIDTH : BAR_WIDTH);
  const line = `${title} ${bar} ${percent}  ${text}`;
  if (line.length <= width) return line;
  const end = line.lastIndexOf(PART_SEPARATOR, width);
  return line.slice(0, end < 0 ? Math.max(0, width) : end);
}

function drawBar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${'='.repeat(full)}${' '.repeat(width - full)}]`;
}

/** `1.2 GB of 3.4 GB · 120 MB/s · 18 s left · 1,234 files` */
export function describe(state: ProgressState, bytesPerSecond: number): string {
  const { doneBytes, totalBytes, isTotalKnown, doneFiles } = state;
  if (isTotalKnown && doneBytes >= totalBytes) {
    return [formatBytes(totalBytes), countOf(doneFiles, 'file'), 'finishing'].join(PART_SEPARATOR);
  }
  const parts = [`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${isTotalKnown ? '' : ' or more'}`];
  if (bytesPerSecond > 0) {
    parts.push(`${formatBytes(bytesPerSecond)}/s`);
    const leftMs = ((totalBytes - doneBytes) / bytesPerSecond) * 1000;
    if (isTotalKnown && leftMs > 0) parts.push(`${formatDuration(leftMs)} left`);
  }
  parts.push(countOf(doneFiles, 'file'));
  return parts.join(PART_SEPARATOR);
}

/** Bytes per second over the last seconds. */
export class Rate {
  readonly #nowMs: () => number;
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @param bytes in all until now. */
  add(bytes: number): void {
    const atMs = this.#nowMs();
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && atMs - this.#samples[1]!.atMs > RATE_WINDOW_MS) this.#samples.shift();
  }

  perSecond(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs));
  }
}
