/** Proof frames as compressed files in the data directory, a directory for each period. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { createDirectoryDurably, systemErrorCode, writeFileDurably } from '@holdfast/platform';
import { MAX_PROOF_FRAME_BYTES } from '@holdfast/protocol';
import type { FrameArchive, FrameName } from '../challenges/index.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** Periods in one directory: neither too many directories nor too many files in one. */
const PERIODS_PER_DIRECTORY = 24;

/** Several processes may share the directory; a file is written whole or not at all. */
export function createFrameArchive(dataDir: string): FrameArchive {
  const directoryOf = ({ period }: FrameName): string =>
    join(dataDir, 'proofs', String(Math.floor(period / PERIODS_PER_DIRECTORY)));
  const pathOf = (name: FrameName): string => join(directoryOf(name), `${name.challengeId}.zst`);
  return {
    async put(name, frame) {
      await createDirectoryDurably(directoryOf(name));
      await writeFileDurably(pathOf(name), await compress(frame));
    },
    async get(name) {
      try {
        return new Uint8Array(
          await decompress(await readFile(pathOf(name)), { maxOutputLength: MAX_PROOF_FRAME_BYTES }),
        );
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async delete(name) {
      await rm(pathOf(name), { force: true });
    },
  };
}
