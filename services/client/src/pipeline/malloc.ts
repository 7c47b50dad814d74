/** What glibc does with freed memory: by default it hands blocks of 128 KiB and more back to the kernel at each free. */

/** The largest block that a backup frees often: a compressed chunk of the greatest length. */
const LARGEST_BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Makes glibc keep blocks of up to 4 MiB: the outputs of ciphers are freed thousands of times a minute, and the page
 * faults of new ones would cost more than the ciphers. Its threshold follows the largest mapped block that was ever
 * freed, so freeing one is all it takes; other allocators do nothing of this kind, and lose nothing.
 */
export function keepFreedBlocks(): void {
  Buffer.allocUnsafeSlow(LARGEST_BLOCK_BYTES).buffer.transfer(0);
}
