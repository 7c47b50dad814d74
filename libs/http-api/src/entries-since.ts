/** The newest part of a statement: everything after one transfer. */

/**
 * @param readPage entries before that transfer, newest first; no more when it is empty
 * @param throughTransferNo the first one that is not wanted any more
 */
export async function entriesSince<T extends { readonly transferNo: string }>(
  readPage: (before?: string) => Promise<readonly T[]>,
  throughTransferNo: bigint,
): Promise<T[]> {
  const found: T[] = [];
  for (let before: string | undefined; ;) {
    const page = await readPage(before);
    const fresh = page.filter(({ transferNo }) => BigInt(transferNo) > throughTransferNo);
    found.push(...fresh);
    if (page.length === 0 || fresh.length < page.length) return found;
    before = page.at(-1)!.transferNo;
  }
}
