/** Counts what directories hold, without reading any file: for a quote before anything is uploaded. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteString, fromText, joinPath } from './byte-string.ts';
import { typeOf } from './file-stat.ts';
import { listNames, statOf } from './listing.ts';

export interface Measure {
  fileCount: number;
  directoryCount: number;
  sizeBytes: number;
  /** Could not be looked at. */
  unreadableCount: number;
}

const DIRECTORIES_PER_TURN = 64;

/** @param directories as text. @param throwIfStopped called now and then. */
export async function measureDirectories(
  directories: readonly string[],
  throwIfStopped: () => void = () => undefined,
): Promise<Measure> {
  const measure: Measure = { fileCount: 0, directoryCount: 0, sizeBytes: 0, unreadableCount: 0 };
  const stack: ByteString[] = [];
  const look = (path: ByteString): void => {
    try {
      const stat = statOf(path);
      const type = typeOf(stat);
      if (type === 'directory') stack.push(path);
      else measure.fileCount += 1;
      if (type === 'file') measure.sizeBytes += stat.sizeBytes;
    } catch {
      measure.unreadableCount += 1;
    }
  };
  for (const directory of directories) look(fromText(directory));
  for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
    measure.directoryCount += 1;
    try {
      for (const name of listNames(path)) look(joinPath(path, name));
    } catch {
      measure.unreadableCount += 1;
    }
    if (measure.directoryCount % DIRECTORIES_PER_TURN === 0) {
      await nextTurn();
      throwIfStopped();
    }
  }
  return measure;
}
