/** The one place that knows whether tests may take minutes (`npm run test:long`) or must stay short (`npm test`). */
export const isLongRun = process.env['HOLDFAST_LONG'] === '1';

/** The size of a randomised or repeated test: `short` in `npm test`, `long` in `npm run test:long`. */
export function runsOf({ short, long }: { short: number; long: number }): number {
  return isLongRun ? long : short;
}
