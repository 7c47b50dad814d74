import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChunkIdHasher } from '@holdfast/codec';
import { createSeededRandomness, systemClock } from '@holdfast/platform';
import { FileWriter } from './file-writer.ts';
import { chunkKey, type FileToWrite, type JobResult } from './job.ts';
import { NodeScores } from './node-scores.ts';
import { encodeWrites } from './pack-queue.ts';
import { createPackRebuilder } from './rebuild-pack.ts';
import { PackBuffers, runJob } from './run-job.ts';
import { createTestVault, type TestVault } from './test-vault.ts';

const random = createSeededRandomness('run job');
const plaintexts = [random.bytes(500_000), random.bytes(90_000)];

let directory: string;
let vault: TestVault;
let writer: FileWriter;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-job-'));
  vault = createTestVault({ dataShards: 2, parityShards: 2 });
  writer = new FileWriter({ fsyncFiles: false });
});
afterEach(() => {
  writer.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string): string => join(directory, name);
const fileAt = (path: string, chunk: number, more: Partial<FileToWrite> = {}): FileToWrite => ({
  path,
  sizeBytes: plaintexts[chunk]!.length,
  sparse: false,
  whole: true,
  writes: 1,
  attributes: { mode: 0o640, mtimeNs: 1_000_000_000n },
  ...more,
});

/** Each chunk goes to the file of the same number. */
async function run(files: readonly FileToWrite[]): Promise<JobResult> {
  const ids = vault.store('data', plaintexts);
  vault.flush();
  const entries = ids.map((id) => vault.findChunk(id)!);
  const [places] = await vault.locatePacks([entries[0]!.packId]);
  const writes = encodeWrites(new Map(entries.map((entry, index) => [chunkKey(entry), [index, 0]])));
  return runJob(
    {
      keys: vault.keys,
      chunkId: createChunkIdHasher(vault.keys.chunkIdKey),
      nodes: vault.nodes,
      scores: new NodeScores(),
      clock: systemClock,
      rebuilder: createPackRebuilder(),
      writer,
      news: { onFault: () => undefined, onFetched: () => undefined, onWritten: () => undefined },
      garbage: { add: () => undefined },
    },
    new PackBuffers(),
    {
      jobId: 1,
      places: places!,
      grantsAreFresh: false,
      table: vault.packs.get(places!.packId)!.table.bytes,
      writes,
      files,
    },
  );
}

test('files are written and finished', async () => {
  expect(await run([fileAt(at('a'), 0), fileAt(at('b'), 1)])).toEqual({ jobId: 1, failures: [] });
  expect(readFileSync(at('a')).equals(plaintexts[0]!)).toBe(true);
  expect(readFileSync(at('b')).equals(plaintexts[1]!)).toBe(true);
});

test('a full disk: that file is told in words, the others are written', async () => {
  const { failures } = await run([fileAt('/dev/full', 0, { whole: false }), fileAt(at('b'), 1)]);
  expect(failures).toMatchObject([{ file: 0, error: { code: 'client.not-writable' } }]);
  expect(failures[0]!.error.params).toMatchObject({ detail: 'no space left on the disk (ENOSPC)' });
  expect(readdirSync(directory)).toEqual(['b']);
});

test('a symlink that was put in the place of a temporary file is not followed', async () => {
  writeFileSync(at('victim'), 'mine');
  symlinkSync(at('victim'), at('a'));
  const { failures } = await run([fileAt(at('a'), 0), fileAt(at('b'), 1)]);
  expect(failures).toMatchObject([{ file: 0, error: { code: 'client.not-writable' } }]);
  expect(readFileSync(at('victim'), 'utf8')).toBe('mine');
});

test('too few good shards end the job with an error that names the pack', async () => {
  for (const nodeId of vault.nodeIds.slice(0, 3)) vault.moods.set(nodeId, 'corrupt');
  await expect(run([fileAt(at('a'), 0), fileAt(at('b'), 1)])).rejects.toMatchObject({ code: 'codec.too-few-shards' });
  expect(readdirSync(directory)).toEqual([]);
});
