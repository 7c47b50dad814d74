/** A pack's table of contents, kept as its bytes: 41 a frame, cheap to hold, to send to another thread and to search. */
import { badArgument, damaged, ID_BYTES, MAX_CHUNK_BYTES, MAX_FRAMES_PER_PACK, SEAL_OVERHEAD_BYTES } from './shapes.ts';

/** Id 32, plaintext length 4, sealed length 4, flags 1. */
export const TABLE_ENTRY_BYTES = 41;
const FLAG_COMPRESSED = 1;

export interface TableEntry {
  /** The chunk's id, 32 bytes (a view). */
  readonly id: Uint8Array;
  /** Number of the frame in its pack, from 0: its nonce. */
  readonly frame: number;
  /** Where the frame begins in the pack. */
  readonly offset: number;
  readonly plaintextBytes: number;
  readonly sealedBytes: number;
  readonly compressed: boolean;
}

export class PackTable {
  /** The plaintext table: count × 41 bytes. */
  readonly bytes: Uint8Array;
  readonly frameCount: number;
  readonly #view: DataView;
  /** Where each frame begins; one more, where the last one ends. */
  readonly #offsets: Uint32Array;

  /** Checks every entry; keeps `bytes` as they are, without a copy. @throws HoldfastError `codec.damaged` */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.frameCount = bytes.length / TABLE_ENTRY_BYTES;
    if (!Number.isInteger(this.frameCount)) refuse(`${bytes.length} bytes are no whole entries`);
    if (this.frameCount < 1 || this.frameCount > MAX_FRAMES_PER_PACK) refuse(`it has ${this.frameCount} frames`);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#offsets = new Uint32Array(this.frameCount + 1);
    for (let frame = 0, end = 0; frame < this.frameCount; frame += 1) {
      end += this.#checkedSealedBytes(frame);
      if (end > 0xffff_ffff) refuse('its frames are longer than any pack');
      this.#offsets[frame + 1] = end;
    }
  }

  #checkedSealedBytes(frame: number): number {
    const at = frame * TABLE_ENTRY_BYTES + ID_BYTES;
    const plaintextBytes = this.#view.getUint32(at);
    const sealedBytes = this.#view.getUint32(at + 4);
    const flags = this.#view.getUint8(at + 8);
    if (plaintextBytes < 1 || plaintextBytes > MAX_CHUNK_BYTES) refuse(`a plaintext of ${plaintextBytes} bytes`);
    if (flags > FLAG_COMPRESSED) refuse(`unknown flags ${flags}`);
    const rawBytes = plaintextBytes + SEAL_OVERHEAD_BYTES;
    const fits =
      flags === FLAG_COMPRESSED
        ? sealedBytes > SEAL_OVERHEAD_BYTES && sealedBytes < rawBytes
        : sealedBytes === rawBytes;
    if (!fits) refuse(`${sealedBytes} sealed bytes for a plaintext of ${plaintextBytes}`);
    return sealedBytes;
  }

  /** Bytes of all frames: where padding begins. */
  get framesBytes(): number {
    return this.#offsets[this.frameCount]!;
  }

  /** @throws HoldfastError `codec.bad-argument` for a frame that is not there */
  entry(frame: number): TableEntry {
    if (!Number.isInteger(frame) || frame < 0 || frame >= this.frameCount)
      throw badArgument(`frame ${frame} of ${this.frameCount}`);
    const at = frame * TABLE_ENTRY_BYTES;
    return {
      id: this.bytes.subarray(at, at + ID_BYTES),
      frame,
      offset: this.#offsets[frame]!,
      plaintextBytes: this.#view.getUint32(at + ID_BYTES),
      sealedBytes: this.#view.getUint32(at + ID_BYTES + 4),
      compressed: this.bytes[at + ID_BYTES + 8] === FLAG_COMPRESSED,
    };
  }

  /** In the order of the frames. */
  *entries(): IterableIterator<TableEntry> {
    for (let frame = 0; frame < this.frameCount; frame += 1) yield this.entry(frame);
  }
}

function refuse(detail: string): never {
  throw damaged('the table of a pack', detail);
}

/** Grows a table frame by frame. */
export class PackTableBuilder {
  #bytes = Buffer.allocUnsafeSlow(64 * TABLE_ENTRY_BYTES);
  #count = 0;

  get frameCount(): number {
    return this.#count;
  }

  add(id: Uint8Array, plaintextBytes: number, sealedBytes: number, compressed: boolean): void {
    const at = this.#count * TABLE_ENTRY_BYTES;
    if (at === this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(2 * this.#bytes.length);
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.set(id, at);
    this.#bytes.writeUInt32BE(plaintextBytes, at + ID_BYTES);
    this.#bytes.writeUInt32BE(sealedBytes, at + ID_BYTES + 4);
    this.#bytes[at + ID_BYTES + 8] = compressed ? FLAG_COMPRESSED : 0;
    this.#count += 1;
  }

  finish(): PackTable {
    return new PackTable(new Uint8Array(this.#bytes.subarray(0, this.#count * TABLE_ENTRY_BYTES)));
  }
}
