import { Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { MAX_WINDOW, ZstdFault, ZstdFrames } from './zstd-frames.js';

/** Sizes in bytes; the ratio is output over input and applies past 1 MiB of output only. */
export interface BodyLimits {
  maxCompressed: number;
  maxDecompressed: number;
  maxRatio: number;
  /**
   * What becomes of the source when a body is refused half-way. `destroy` (the default) frees it at once; on
   * a server's request that closes the connection without an answer. `pause` only stops reading, so that the
   * caller can answer first and close then.
   */
  onRefusal?: 'destroy' | 'pause';
}

export type DecodeErrorCode = 'BODY_TOO_LARGE' | 'UNSUPPORTED_ENCODING' | 'DECOMPRESSION_FAILED';

/** A body that cannot be read; the message says what is wrong and how to fix it. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  constructor(
    readonly code: DecodeErrorCode,
    message: string,
  ) {
    super(message);
  }
}

type Encoding = 'identity' | 'gzip' | 'deflate' | 'br' | 'zstd';
const ENCODINGS = new Map<string, Encoding>([
  ['', 'identity'],
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

const MIB = 1_048_576;
/** Small repetitive batches compress a thousandfold and are welcome. */
const RATIO_FREE = MIB;
const SMALL_PART = 4_096;
const TAIL_BYTES = 65_536;

/** One decoder of one body: fed in order, it hands its output to the meter as it comes. */
interface Decoder {
  write(chunk: Buffer): Promise<void>;
  end(): Promise<void>;
  destroy(): void;
}

/**
 * Reads a request body to its end and undoes its one content encoding: gzip, x-gzip, deflate (with or
 * without the zlib wrapper), br, zstd or identity. Every limit is enforced while the body streams in.
 *
 * An empty body is an empty buffer under every encoding; anything after the end of the compressed data is an
 * error. Zstandard checksums are verified only where Node decodes zstd itself.
 *
 * @param encodingHeader the Content-Encoding header, if any
 * @throws DecodeError; an error of the source itself is passed on as it is
 */
export async function decodeBody(
  stream: NodeJS.ReadableStream,
  encodingHeader: string | undefined,
  limits: BodyLimits,
): Promise<Buffer> {
  const source = stream instanceof Readable ? stream : new Readable().wrap(stream);
  const meter = new Meter(limits);
  let decoder: Decoder | undefined;
  try {
    const encoding = readEncoding(encodingHeader);
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (bytes.length === 0) continue;
      meter.countInput(bytes.length);
      decoder ??= createDecoder(encoding, meter);
      await decoder.write(bytes);
    }
    await decoder?.end();
    return meter.result();
  } catch (error) {
    decoder?.destroy();
    if (limits.onRefusal === 'pause') source.pause();
    else source.destroy();
    throw error;
  }
}

function readEncoding(header: string | undefined): Encoding {
  const name = (header ?? '').trim().toLowerCase();
  const encoding = ENCODINGS.get(name);
  if (encoding !== undefined) return encoding;
  const known = 'Send the body as gzip, deflate, br, zstd or identity';
  throw new DecodeError(
    'UNSUPPORTED_ENCODING',
    name.includes(',')
      ? `The body has more than one Content-Encoding. ${known}, encoded once.`
      : `The Content-Encoding '${name.slice(0, 32)}' is not known. ${known}.`,
  );
}

/** Counts what goes in and what comes out, and keeps the output. */
class Meter {
  input = 0;
  private output = 0;
  private readonly parts: Buffer[] = [];
  /** Where small parts are gathered, so that a body sent byte by byte costs no more than its bytes. */
  private tail: Buffer = Buffer.alloc(0);
  private tailUsed = 0;

  constructor(readonly limits: BodyLimits) {}

  countInput(bytes: number): void {
    this.input += bytes;
    const { maxCompressed } = this.limits;
    if (this.input > maxCompressed) {
      throw new DecodeError(
        'BODY_TOO_LARGE',
        `The body is larger than ${maxCompressed} bytes as sent. Send fewer events per request.`,
      );
    }
  }

  /** Refuses a body that announces more output than is allowed. */
  expect(bytes: number): void {
    const { maxDecompressed } = this.limits;
    if (this.output + bytes > maxDecompressed) {
      throw new DecodeError(
        'BODY_TOO_LARGE',
        `The body is larger than ${maxDecompressed} bytes once decompressed. Send fewer events per request.`,
      );
    }
  }

  add(part: Buffer): void {
    this.expect(part.length);
    this.output += part.length;
    const { maxRatio } = this.limits;
    if (this.output > RATIO_FREE && this.output > this.input * maxRatio) {
      throw new DecodeError(
        'BODY_TOO_LARGE',
        `The body grows more than ${maxRatio} times when decompressed. Send fewer events per request.`,
      );
    }
    if (part.length >= SMALL_PART) {
      this.closeTail();
      this.parts.push(part);
    } else {
      if (this.tailUsed + part.length > this.tail.length) {
        this.closeTail();
        this.tail = Buffer.allocUnsafe(TAIL_BYTES);
      }
      this.tailUsed += part.copy(this.tail, this.tailUsed);
    }
  }

  private closeTail(): void {
    if (this.tailUsed > 0) this.parts.push(this.tail.subarray(0, this.tailUsed));
    this.tail = this.tail.subarray(this.tailUsed);
    this.tailUsed = 0;
  }

  result(): Buffer {
    this.closeTail();
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.output);
  }
}

function createDecoder(encoding: Encoding, meter: Meter): Decoder {
  switch (encoding) {
    case 'identity':
      return new Passthrough(meter);
    case 'gzip':
      return new Inflation(encoding, meter, () => zlib.createGunzip());
    case 'br':
      return new Inflation(encoding, meter, () => zlib.createBrotliDecompress());
    case 'deflate':
      // RFC 9110 says zlib; enough clients send the bare format that both are told apart by the header.
      return new Inflation(encoding, meter, (head) =>
        hasZlibHeader(head) ? zlib.createInflate() : zlib.createInflateRaw(),
      );
    case 'zstd':
      return createNativeZstd === undefined
        ? new ZstdDecoder(meter)
        : new Inflation(encoding, meter, () => createNativeZstd(meter.limits.maxDecompressed));
  }
}

function hasZlibHeader(head: Buffer): boolean {
  return (head[0]! & 0x0f) === 8 && ((head[0]! << 8) | head[1]!) % 31 === 0;
}

class Passthrough implements Decoder {
  constructor(private readonly meter: Meter) {}
  write(chunk: Buffer): Promise<void> {
    this.meter.add(chunk);
    return Promise.resolve();
  }
  end(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): void {}
}

/** The engines of `node:zlib`; the kind of stream is chosen when the first two bytes are there. */
class Inflation implements Decoder {
  private engine: (Transform & { readonly bytesWritten: number }) | undefined;
  private head: Buffer = Buffer.alloc(0);
  private failure: Error | undefined;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly encoding: Encoding,
    private readonly meter: Meter,
    private readonly create: (head: Buffer) => Transform & { readonly bytesWritten: number },
  ) {}

  async write(chunk: Buffer): Promise<void> {
    if (this.engine === undefined) {
      this.head = this.head.length === 0 ? chunk : Buffer.concat([this.head, chunk]);
      if (this.head.length < 2) return;
      this.engine = this.start(this.head);
      chunk = this.head;
    }
    const { engine } = this;
    // A failing engine closes without calling back.
    await Promise.race([new Promise<void>((resolve) => engine.write(chunk, () => resolve())), this.closed]);
    this.check();
  }

  async end(): Promise<void> {
    const { engine } = this;
    if (engine === undefined) throw failed(this.encoding);
    // A stream whose compressed data has ended already will not end again.
    if (!engine.readableEnded) {
      const ended = new Promise<void>((resolve) => engine.once('end', resolve));
      engine.end();
      await Promise.race([ended, this.closed]);
    }
    this.check();
    if (!engine.readableEnded || engine.bytesWritten !== this.meter.input) throw failed(this.encoding);
  }

  destroy(): void {
    this.engine?.destroy();
  }

  private start(head: Buffer): Transform & { readonly bytesWritten: number } {
    const engine = this.create(head);
    engine.on('data', (part: Buffer) => {
      try {
        if (this.failure === undefined) this.meter.add(part);
      } catch (error) {
        this.failure = error as Error;
        engine.destroy();
      }
    });
    engine.on('error', () => (this.failure ??= failed(this.encoding)));
    this.closed = new Promise((resolve) => engine.once('close', resolve));
    return engine;
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

class ZstdDecoder implements Decoder {
  private readonly frames: ZstdFrames;
  constructor(meter: Meter) {
    this.frames = new ZstdFrames(meter);
  }
  write(chunk: Buffer): Promise<void> {
    return this.frames.write(chunk).catch(explainZstd);
  }
  async end(): Promise<void> {
    await Promise.resolve()
      .then(() => this.frames.end())
      .catch(explainZstd);
  }
  destroy(): void {
    this.frames.destroy();
  }
}

function explainZstd(error: unknown): never {
  throw error instanceof ZstdFault ? failed('zstd', error.detail) : error;
}

function failed(encoding: Encoding, detail = 'truncated, damaged, or followed by other data'): DecodeError {
  return new DecodeError(
    'DECOMPRESSION_FAILED',
    `The body is not valid ${encoding}: it is ${detail}. Compress it again, or send it as identity.`,
  );
}

type NativeZstd = (options: { params: Record<number, number> }) => zlib.BrotliDecompress;
const newer = zlib as unknown as {
  createZstdDecompress?: NativeZstd;
  constants: { ZSTD_d_windowLogMax?: number };
};
const nativeZstd = newer.createZstdDecompress;
const windowLogMax = newer.constants.ZSTD_d_windowLogMax;
/** Node 22.15 and later; older ones decode in JavaScript. A frame of known size may be its own window. */
const createNativeZstd =
  nativeZstd === undefined || windowLogMax === undefined
    ? undefined
    : (largest: number) =>
        nativeZstd({ params: { [windowLogMax]: Math.ceil(Math.log2(Math.max(MAX_WINDOW, largest))) } });
