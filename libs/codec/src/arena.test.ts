import { describe, expect, it } from '@jest/globals';
import { ARENA_ALIGNMENT_BYTES, ARENA_RESERVED_BYTES, createArena } from './arena.ts';

describe('arena', () => {
  it('hands out page-aligned buffers that do not overlap, up to its size and no further', () => {
    const arena = createArena(3 * 65_536);
    const views = [1, 4096, 4097, 0, 65_536].map((length) => arena.alloc(length));
    views.forEach((view, index) => view.fill(index + 1));
    expect(views.map((view) => view.byteOffset % ARENA_ALIGNMENT_BYTES)).toEqual([0, 0, 0, 0, 0]);
    expect(views.map((view) => view.length)).toEqual([1, 4096, 4097, 0, 65_536]);
    views.forEach((view, index) => expect(view.every((byte) => byte === index + 1)).toBe(true));
    expect(views[0]!.byteOffset).toBeGreaterThanOrEqual(ARENA_RESERVED_BYTES);
    expect(arena.freeBytes()).toBe(3 * 65_536 - 4096 * (1 + 1 + 2 + 0 + 16));
    expect(() => arena.alloc(arena.freeBytes() + 1)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
    arena.alloc(arena.freeBytes());
    expect(arena.freeBytes()).toBe(0);
    expect(() => arena.alloc(1)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  });

  it('takes back what was allocated since a mark, and keeps the memory where it is', () => {
    const arena = createArena(65_536);
    arena.alloc(10);
    const buffer = arena.memory.buffer;
    const mark = arena.mark();
    const first = arena.alloc(8192);
    const later = arena.mark();
    arena.release(mark);
    expect(arena.alloc(8192).byteOffset).toBe(first.byteOffset);
    expect(arena.memory.buffer).toBe(buffer);
    arena.release(mark);
    for (const bad of [later, 0, mark + 1, Number.NaN]) {
      expect(() => arena.release(bad)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
    }
  });

  it('knows its own buffers', () => {
    const arena = createArena(65_536);
    const view = arena.alloc(100);
    expect(arena.addressOf(view.subarray(7), 'view')).toBe(view.byteOffset + 7);
    for (const foreign of [
      new Uint8Array(100),
      createArena(4096).alloc(100),
      new Uint8Array(arena.memory.buffer, 0, 9),
    ]) {
      expect(() => arena.addressOf(foreign, 'view')).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
    }
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 33])('refuses a size of %p bytes', (size) => {
    expect(() => createArena(size)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  });
});
