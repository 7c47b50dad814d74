/** A pack's table of contents, kept as its bytes: 41 a chunk, cheap to hold, to send to another thread and to search. */
import {
  badArgument,
  damaged,
  ID_BYTES,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS_PER_PACK,
  MAX_FRAME_BYTES,
  SEAL_OVERHEAD_BYTES,
} from './shapes.ts';

/** Id 32, plaintext length 4, sealed length 4, flags 1. */
export const TABLE_ENTRY_BYTES = 41;
const PLAINTEXT_AT = ID_BYTES;
const SEALED_AT = ID_BYTES + 4;
const FLAGS_AT = ID_BYTES + 8;
/** The frame is one zstd frame. */
const FLAG_COMPRESSED = 1;
/** The chunk lies in the same frame as the one before, after it. */
const FLAG_JOINED = 2;

/** One chunk. Small chunks share a frame: then `frame`, `offset` and `sealedBytes` are the same for all of them. */
export interface TableEntry {
  /** The chunk's id, 32 bytes (a view). */
  readonly id: Uint8Array;
  readonly plaintextBytes: number;
  /** Number of its frame in the pack, from 0: the frame's nonce. */
  readonly frame: number;
  /** Where the frame begins in the pack, and its length there. */
  readonly offset: number;
  readonly sealedBytes: number;
  readonly compressed: boolean;
  /** Where the chunk begins in the frame's plaintext, and how long that is in all. */
  readonly plaintextOffset: number;
  readonly framePlaintextBytes: number;
}

export class PackTable {
  /** The plaintext table: chunkCount × 41 bytes. */
  readonly bytes: Uint8Array;
  readonly chunkCount: number;
  readonly frameCount: number;
  /** Bytes of all frames: where padding begins. */
  readonly framesBytes: number;
  readonly #view: DataView;
  /** By chunk: its frame, and where it begins in the frame's plaintext. */
  readonly #frames: Uint16Array;
  readonly #plaintextOffsets: Uint32Array;
  /** By frame: its first chunk, where it begins in the pack, the length of its plaintext. */
  readonly #firstChunks: Uint16Array;
  readonly #offsets: Uint32Array;
  readonly #plaintextLengths: Uint32Array;

  /** Checks every entry; keeps `bytes` as they are, without a copy. @throws HoldfastError `codec.damaged` */
  constructor(bytes: Uint8Array) {
    const count = bytes.length / TABLE_ENTRY_BYTES;
    if (!Number.isInteger(count)) refuse(`${bytes.length} bytes are no whole entries`);
    if (count < 1 || count > MAX_CHUNKS_PER_PACK) refuse(`it has ${count} chunks`);
    this.bytes = bytes;
    this.chunkCount = count;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#frames = new Uint16Array(count);
    this.#plaintextOffsets = new Uint32Array(count);
    this.#firstChunks = new Uint16Array(count);
    this.#offsets = new Uint32Array(count);
    this.#plaintextLengths = new Uint32Array(count);
    let frame = -1;
    let end = 0;
    for (let chunk = 0; chunk < count; chunk += 1) {
      const at = chunk * TABLE_ENTRY_BYTES;
      const plaintextBytes = this.#view.getUint32(at + PLAINTEXT_AT);
      if (plaintextBytes < 1 || plaintextBytes > MAX_CHUNK_BYTES) refuse(`a plaintext of ${plaintextBytes} bytes`);
      const flags = this.#view.getUint8(at + FLAGS_AT);
      if (flags > FLAG_JOINED) refuse(`unknown flags ${flags}`);
      if (flags === FLAG_JOINED) {
        if (frame < 0 || this.#view.getUint32(at + SEALED_AT) !== 0) refuse('a chunk that joins no frame');
      } else {
        if (frame >= 0) this.#checkFrame(frame);
        frame += 1;
        this.#firstChunks[frame] = chunk;
        this.#offsets[frame] = end;
        end += this.#view.getUint32(at + SEALED_AT);
        if (end > 0xffff_ffff) refuse('its frames are longer than any pack');
      }
      this.#frames[chunk] = frame;
      this.#plaintextOffsets[chunk] = this.#plaintextLengths[frame]!;
      this.#plaintextLengths[frame]! += plaintextBytes;
    }
    this.#checkFrame(frame);
    this.frameCount = frame + 1;
    this.framesBytes = end;
  }

  #checkFrame(frame: number): void {
    const at = this.#firstChunks[frame]! * TABLE_ENTRY_BYTES;
    const sealedBytes = this.#view.getUint32(at + SEALED_AT);
    const plaintextBytes = this.#plaintextLengths[frame]!;
    if (plaintextBytes > MAX_FRAME_BYTES) refuse(`a frame of ${plaintextBytes} bytes`);
    const rawBytes = plaintextBytes + SEAL_OVERHEAD_BYTES;
    const isCompressed = this.#view.getUint8(at + FLAGS_AT) === FLAG_COMPRESSED;
    const fits = isCompressed ? sealedBytes > SEAL_OVERHEAD_BYTES && sealedBytes < rawBytes : sealedBytes === rawBytes;
    if (!fits) refuse(`${sealedBytes} sealed bytes for a plaintext of ${plaintextBytes}`);
  }

  /** @param chunk from 0. @throws HoldfastError `codec.bad-argument` for one that is not there */
  entry(chunk: number): TableEntry {
    if (!Number.isInteger(chunk) || chunk < 0 || chunk >= this.chunkCount) {
      throw badArgument(`chunk ${chunk} of ${this.chunkCount}`);
    }
    const at = chunk * TABLE_ENTRY_BYTES;
    const frame = this.#frames[chunk]!;
    const first = this.#firstChunks[frame]! * TABLE_ENTRY_BYTES;
    return {
      id: this.bytes.subarray(at, at + ID_BYTES),
      plaintextBytes: this.#view.getUint32(at + PLAINTEXT_AT),
      frame,
      offset: this.#offsets[frame]!,
      sealedBytes: this.#view.getUint32(first + SEALED_AT),
      compressed: this.bytes[first + FLAGS_AT] === FLAG_COMPRESSED,
      plaintextOffset: this.#plaintextOffsets[chunk]!,
      framePlaintextBytes: this.#plaintextLengths[frame]!,
    };
  }

  /** All chunks in the order in which they lie in the pack. */
  *entries(): IterableIterator<TableEntry> {
    for (let chunk = 0; chunk < this.chunkCount; chunk += 1) yield this.entry(chunk);
  }
}

function refuse(detail: string): never {
  throw damaged('the table of a pack', detail);
}

/** Grows a table chunk by chunk. */
export class PackTableBuilder {
  #bytes = Buffer.allocUnsafeSlow(64 * TABLE_ENTRY_BYTES);
  #count = 0;

  get chunkCount(): number {
    return this.#count;
  }

  /** The first chunk of a frame, which is `sealedBytes` long in the pack. */
  addFrame(id: Uint8Array, plaintextBytes: number, sealedBytes: number, compressed: boolean): void {
    this.#add(id, plaintextBytes, sealedBytes, compressed ? FLAG_COMPRESSED : 0);
  }

  /** One more chunk of the frame added last. */
  join(id: Uint8Array, plaintextBytes: number): void {
    this.#add(id, plaintextBytes, 0, FLAG_JOINED);
  }

  #add(id: Uint8Array, plaintextBytes: number, sealedBytes: number, flags: number): void {
    const at = this.#count * TABLE_ENTRY_BYTES;
    if (at === this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(2 * this.#bytes.length);
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.set(id, at);
    this.#bytes.writeUInt32BE(plaintextBytes, at + PLAINTEXT_AT);
    this.#bytes.writeUInt32BE(sealedBytes, at + SEALED_AT);
    this.#bytes[at + FLAGS_AT] = flags;
    this.#count += 1;
  }

  finish(): PackTable {
    return new PackTable(new Uint8Array(this.#bytes.subarray(0, this.#count * TABLE_ENTRY_BYTES)));
  }
}
