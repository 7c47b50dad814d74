import { describe, expect, it } from '@jest/globals';
import {
  type ChainingValue,
  chunkValue,
  contextKey,
  deriveKey,
  parentValue,
  valueFromBytes,
  valueToBytes,
} from './blake3.ts';

/** The input of BLAKE3's published test vectors. */
const inputOf = (lengthBytes: number): Uint8Array => Uint8Array.from({ length: lengthBytes }, (_, at) => at % 251);
const CONTEXT = 'BLAKE3 2019-12-27 16:29:52 test vectors context';
const hex = (value: ChainingValue): string => Buffer.from(valueToBytes(value)).toString('hex');

/** BLAKE3 of any input from our parts: the left subtree is the largest full one (paper, 2.1). */
function treeValue(bytes: Uint8Array, firstChunk = 0, isRoot = true): ChainingValue {
  const chunks = Math.ceil(bytes.length / 1024);
  if (chunks <= 1) return chunkValue(bytes, firstChunk, isRoot);
  const leftChunks = 2 ** Math.floor(Math.log2(chunks - 1));
  const left = treeValue(bytes.subarray(0, leftChunks * 1024), firstChunk, false);
  return parentValue(left, treeValue(bytes.subarray(leftChunks * 1024), firstChunk + leftChunks, false), isRoot);
}

describe('BLAKE3', () => {
  it.each([
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1023, '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
    [1025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
    [2048, 'e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a'],
    [2049, '5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030'],
    [3072, 'b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2'],
    [4097, '9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995'],
    [6145, 'f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f'],
    [8192, 'aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63'],
    [16_384, 'f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4'],
    [31_744, '62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47'],
    [102_400, 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085'],
  ])('of %i bytes is the published one', (lengthBytes, expected) => {
    expect(hex(treeValue(inputOf(lengthBytes)))).toBe(expected);
  });

  it.each([
    [0, '2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d'],
    [1, 'b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c'],
    [1023, '74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5'],
    [1024, '7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706'],
  ])('derive-key of %i bytes is the published one', (lengthBytes, expected) => {
    expect(hex(deriveKey(contextKey(CONTEXT), inputOf(lengthBytes)))).toBe(expected);
  });

  it('reads a chaining value back as it wrote it, also in the middle of a buffer', () => {
    const bytes = inputOf(40);
    expect(valueToBytes(valueFromBytes(bytes.subarray(3, 35)))).toEqual(bytes.slice(3, 35));
  });
});
