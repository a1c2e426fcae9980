import { Script, createContext } from 'node:vm';
import { Decompress } from 'fzstd';

/** Where decoded bytes go. Both calls may throw to refuse them; the error reaches the caller as it is. */
export interface ZstdSink {
  /** Told how many bytes a frame announces, before anything is allocated for it. */
  expect(bytes: number): void;
  add(part: Buffer): void;
}

/** Data that is not Zstandard, or that asks for more than is given; `detail` ends the sentence "it is …". */
export class ZstdFault extends Error {
  override readonly name = 'ZstdFault';
  constructor(readonly detail?: string) {
    super(`The data is ${detail ?? 'not valid zstd'}.`);
  }
}

const MIB = 1_048_576;
/** RFC 9659 binds senders of the zstd coding to windows of 8 MiB at most. */
export const MAX_WINDOW = 8 * MIB;

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5;
const MAX_BLOCK = 131_072;
/** Window bytes that `fzstd` may move for one body: it shifts the whole window at every block. */
const MAX_WORK = 2_048 * MIB;
/**
 * Milliseconds of decoding for one block and for a whole body. An honest block takes under 5; the rest is room
 * for a machine so busy that this process gets a hundredth of it.
 */
const MAX_BLOCK_MS = 500;
const MAX_BODY_MS = 2_000;

interface Frame {
  window: number;
  size: number | undefined;
  hasChecksum: boolean;
  decoder: Decompress | undefined;
  output: number;
}

/**
 * Walks the frames and blocks of Zstandard data (RFC 8878 §3.1) and gives `fzstd` one checked block at a
 * time, so that no header can make it allocate, and no body can make it run, past the limits.
 *
 * Every method throws ZstdFault for bad data. Checksums are skipped, not verified.
 */
export class ZstdFrames {
  private parts: Buffer[] = [];
  private partsBytes = 0;
  private pending: Buffer = Buffer.alloc(0);
  /** Bytes that the next step needs. */
  private wanted = 0;
  private frame: Frame | undefined;
  private skipping = 0;
  private work = 0;
  private spentMs = 0;
  /** What the sink threw, as against what the decoder threw. */
  private refusal: unknown;

  constructor(private readonly sink: ZstdSink) {}

  async write(chunk: Buffer): Promise<void> {
    this.parts.push(chunk);
    this.partsBytes += chunk.length;
    if (this.partsBytes < this.wanted) return;
    this.pending = this.parts.length === 1 ? chunk : Buffer.concat(this.parts, this.partsBytes);
    while (this.step()) {
      if (this.spentMs > MAX_BODY_MS) throw new ZstdFault('too slow to decompress');
      // Each step is one block; other requests get their turn in between.
      await new Promise(setImmediate);
    }
    this.parts = [this.pending];
    this.partsBytes = this.pending.length;
  }

  end(): void {
    if (this.partsBytes > 0 || this.frame !== undefined || this.skipping > 0) throw new ZstdFault();
  }

  destroy(): void {
    this.frame = undefined;
    this.parts = [];
    this.pending = Buffer.alloc(0);
  }

  /** Takes one header or block; false when more input is needed. */
  private step(): boolean {
    if (this.skipping > 0) {
      this.skipping -= this.take(Math.min(this.skipping, this.pending.length)).length;
      this.wanted = 1;
      return this.pending.length > 0;
    }
    return this.frame === undefined ? this.openFrame() : this.takeBlock(this.frame);
  }

  private take(bytes: number): Buffer {
    const taken = this.pending.subarray(0, bytes);
    this.pending = this.pending.subarray(bytes);
    return taken;
  }

  private lacks(bytes: number): boolean {
    this.wanted = bytes;
    return this.pending.length < bytes;
  }

  private openFrame(): boolean {
    if (this.lacks(8)) return false;
    const magic = this.pending.readUInt32LE(0);
    if (magic >>> 4 === SKIPPABLE) {
      this.skipping = this.pending.readUInt32LE(4) + 8;
      return true;
    }
    const descriptor = this.pending[4]!;
    if (magic !== MAGIC || (descriptor & 8) !== 0) throw new ZstdFault();
    const single = (descriptor & 0x20) !== 0;
    const dictionaryAt = single ? 5 : 6;
    const sizeAt = dictionaryAt + [0, 1, 2, 4][descriptor & 3]!;
    const blocksAt = sizeAt + [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
    if (this.lacks(blocksAt)) return false;
    if (this.pending.subarray(dictionaryAt, sizeAt).some((byte) => byte !== 0)) {
      throw new ZstdFault('made with a dictionary');
    }
    const size = readSize(this.pending.subarray(sizeAt, blocksAt));
    if (size !== undefined) this.sink.expect(size);
    const window = single ? (size ?? 0) : readWindow(this.pending[5]!);
    if (!single && window > MAX_WINDOW)
      throw new ZstdFault(`using a window of more than ${MAX_WINDOW} bytes`);
    this.frame = { window, size, hasChecksum: (descriptor & 4) !== 0, decoder: undefined, output: 0 };
    this.take(blocksAt);
    return true;
  }

  private takeBlock(frame: Frame): boolean {
    if (this.lacks(3)) return false;
    const header = this.pending.readUIntLE(0, 3);
    const last = (header & 1) !== 0;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3 || size > Math.min(frame.window, MAX_BLOCK)) throw new ZstdFault();
    const length = 3 + (type === 1 ? 1 : size);
    const checksum = last && frame.hasChecksum ? 4 : 0;
    if (this.lacks(length + checksum)) return false;
    this.decode(frame, this.take(length), last);
    this.take(checksum);
    if (last) this.closeFrame(frame);
    return true;
  }

  private decode(frame: Frame, block: Buffer, last: boolean): void {
    let input = block;
    if (frame.decoder === undefined) {
      // Nothing refers back out of a frame of one block, so it needs no more window than that.
      if (last) frame.window = Math.min(frame.window, MAX_BLOCK);
      frame.decoder = new Decompress((part) => this.receive(frame, part));
      input = Buffer.concat([windowHeader(frame.window), block]);
    }
    const { decoder } = frame;
    this.work += frame.window;
    if (this.work > MAX_WORK) throw new ZstdFault('made of too many small blocks');
    const started = performance.now();
    try {
      withDeadline(() => {
        decoder.push(input, last);
      });
    } catch (error) {
      throw error === this.refusal ? error : new ZstdFault();
    }
    this.spentMs += performance.now() - started;
  }

  private receive(frame: Frame, part: Uint8Array): void {
    if (part.length === 0) return;
    frame.output += part.length;
    try {
      this.sink.add(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    } catch (error) {
      this.refusal = error;
      throw error;
    }
  }

  private closeFrame(frame: Frame): void {
    if (frame.size !== undefined && frame.size !== frame.output) throw new ZstdFault();
    this.frame = undefined;
  }
}

function readSize(field: Buffer): number | undefined {
  switch (field.length) {
    case 0:
      return undefined;
    case 1:
      return field[0];
    case 2:
      return field.readUInt16LE(0) + 256;
    case 4:
      return field.readUInt32LE(0);
    default:
      return Number(field.readBigUInt64LE(0));
  }
}

function readWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** A frame header without size and checksum, whose window is the smallest that holds the wanted one. */
function windowHeader(window: number): Buffer {
  let descriptor = 0;
  while (readWindow(descriptor) < window) descriptor++;
  const header = Buffer.alloc(6);
  header.writeUInt32LE(MAGIC, 0);
  header[5] = descriptor;
  return header;
}

const script = new Script('run()');
let context: { run?: () => void } | undefined;

// `fzstd` trusts its input: a Huffman table of one symbol keeps it in a loop for ever, and a few bytes can
// ask for gigabytes of copying. Only the engine itself can stop synchronous code.
function withDeadline(run: () => void): void {
  context ??= createContext({}) as { run?: () => void };
  context.run = run;
  try {
    script.runInContext(context, { timeout: MAX_BLOCK_MS });
  } finally {
    delete context.run;
  }
}
