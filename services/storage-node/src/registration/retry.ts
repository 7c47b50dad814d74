/** How long to wait before the next attempt. */
const FIRST_MS = 1000;
const LONGEST_MS = 300_000;

/** 1 s, 2 s, 4 s … 5 min. @param attempt failures so far, from 0. */
export const retryDelayMs = (attempt: number): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20));
