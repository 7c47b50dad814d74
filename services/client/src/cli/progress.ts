/** The bar on standard error (only on a terminal), and progress as JSON lines where they are asked for. */
import { Presets, SingleBar } from 'cli-progress';
import type { Cli } from './cli.ts';
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
  /** Writes lines above the bar. */
  readonly pause: (write: () => void) => void;
  stop(): void;
}

const FRAMES_PER_SECOND = 8;
const JSON_EVERY_MS = 500;
/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 8_000;
const BAR_WIDTH = 24;

export function startProgress({ console, clock }: Cli, title: string): Progress {
  const rate = new Rate(() => clock.nowMs());
  const bar = console.showsProgress ? createBar(console.options.errors, title) : undefined;
  let lastJsonMs = 0;
  bar?.start(1, 0, { text: 'starting' });
  return {
    update(state) {
      rate.add(state.doneBytes);
      bar?.setTotal(Math.max(1, state.totalBytes));
      bar?.update(Math.min(state.doneBytes, state.totalBytes), { text: describe(state, rate.perSecond()) });
      if (!console.options.jsonProgress || clock.nowMs() - lastJsonMs < JSON_EVERY_MS) return;
      lastJsonMs = clock.nowMs();
      console.progress({ ...state.fields, bytesPerSecond: Math.round(rate.perSecond()) });
    },
    pause(write) {
      if (bar !== undefined) console.ask('\r\u001b[K');
      write();
    },
    stop() {
      bar?.stop();
    },
  };
}

function createBar(stream: unknown, title: string): SingleBar {
  return new SingleBar(
    {
      stream: stream as NodeJS.WritableStream,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      // A second Ctrl-C must end the process as this program says, not as the bar does.
      gracefulExit: false,
      format: (_options, { progress }, { text }: { text: string }) =>
        `${title} ${drawBar(progress)} ${String(Math.floor(progress * 100)).padStart(3)} %  ${text}`,
    },
    Presets.legacy,
  );
}

function drawBar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'='.repeat(full)}${' '.repeat(BAR_WIDTH - full)}]`;
}

/** `1.2 GB of 3.4 GB · 120 MB/s · 18 s left · 1,234 files` */
export function describe(state: ProgressState, bytesPerSecond: number): string {
  const { doneBytes, totalBytes, isTotalKnown, doneFiles } = state;
  const parts = [`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${isTotalKnown ? '' : ' or more'}`];
  if (bytesPerSecond > 0) {
    parts.push(`${formatBytes(bytesPerSecond)}/s`);
    const leftMs = ((totalBytes - doneBytes) / bytesPerSecond) * 1000;
    if (isTotalKnown && leftMs > 0) parts.push(`${formatDuration(leftMs)} left`);
  }
  parts.push(countOf(doneFiles, 'file'));
  return parts.join(' · ');
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
