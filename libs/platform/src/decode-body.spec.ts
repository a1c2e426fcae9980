import { PassThrough, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { DecodeError, decodeBody } from './decode-body.js';

const MIB = 1_048_576;
const LIMITS = { maxCompressed: MIB, maxDecompressed: 4 * MIB, maxRatio: 100 };
const BATCH = JSON.stringify({
  events: Array.from({ length: 400 }, (_, i) => ({ code: `E-${i % 7}`, n: i })),
});

// Frames made by zstd 1.5 (levels 3 and 19, with and without content size and checksum), so that no encoder
// has to be installed.
const ZSTD = {
  hello: Buffer.from('KLUv/SQLWQAAaGVsbG8sIHpzdGR4liE8', 'base64'),
  streamed: Buffer.from('KLUv/QRojAAASHN0cmVhbWVkIAEA9P/MyxFEAAAAAQD9/8wLEEUAAAABAD1+OQACRRXDCw==', 'base64'),
};

const encoders: [string, (data: Buffer) => Buffer][] = [
  ['gzip', (data) => zlib.gzipSync(data)],
  ['X-GZIP', (data) => zlib.gzipSync(data)],
  ['deflate', (data) => zlib.deflateSync(data)],
  ['deflate', (data) => zlib.deflateRawSync(data)],
  ['br', (data) => zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })],
  ['identity', (data) => data],
];

const whole = (data: Buffer): Readable => Readable.from([data]);
const bytewise = (data: Buffer): Readable => Readable.from([...data].map((byte) => Buffer.of(byte)));

async function refusal(promise: Promise<Buffer>): Promise<DecodeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DecodeError)) throw new Error(`expected a DecodeError, got ${String(error)}`);
  return error;
}

/** A block of Zstandard data: type 0 is raw, 1 one repeated byte, 2 compressed. */
function block(content: Buffer, type: number, last: boolean, size = content.length): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | Number(last), 0, 3);
  return Buffer.concat([header, content]);
}

function frame(window: number, ...blocks: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]), ...blocks]);
}

const zstdBomb = (): Buffer =>
  frame(0x38, ...Array.from({ length: 512 }, (_, i) => block(Buffer.of(0), 1, i === 511, 131_072)));

describe('decodeBody', () => {
  it.each(encoders)('reads %s in one piece and byte by byte', async (encoding, encode) => {
    const body = encode(Buffer.from(BATCH));
    expect((await decodeBody(whole(body), encoding, LIMITS)).toString()).toBe(BATCH);
    expect((await decodeBody(bytewise(body), encoding, LIMITS)).toString()).toBe(BATCH);
  });

  it('reads zstd in one piece, byte by byte, with several and skippable frames', async () => {
    const skippable = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('xyz')]);
    const body = Buffer.concat([skippable, ZSTD.hello, ZSTD.streamed, skippable]);
    const text = 'hello, zstd' + 'streamed '.repeat(40_000);
    expect((await decodeBody(whole(body), 'zstd', LIMITS)).toString()).toBe(text);
    expect((await decodeBody(bytewise(body), 'zstd', LIMITS)).toString()).toBe(text);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd', 'identity', undefined])(
    'gives nothing for nothing: %s',
    async (encoding) => {
      expect(await decodeBody(Readable.from([]), encoding, LIMITS)).toHaveLength(0);
    },
  );

  it('reads a body without the header as it is, text streams included', async () => {
    expect((await decodeBody(Readable.from(['ab', 'cß']), undefined, LIMITS)).toString()).toBe('abcß');
  });

  it.each(['compress', 'gzip, gzip', 'gzip,br', 'x'.repeat(500)])(
    'refuses the encoding %s',
    async (encoding) => {
      const error = await refusal(decodeBody(whole(Buffer.from('{}')), encoding, LIMITS));
      expect(error.code).toBe('UNSUPPORTED_ENCODING');
      expect(error.message).toMatch(/Send the body as gzip, deflate, br, zstd or identity/);
      expect(error.message.length).toBeLessThan(200);
    },
  );
});

describe('limits', () => {
  it('stops reading at the compressed limit and frees the source', async () => {
    let sent = 0;
    const source = new Readable({
      read() {
        sent += 65_536;
        this.push(Buffer.alloc(65_536, 'a'));
      },
    });
    const error = await refusal(decodeBody(source, undefined, LIMITS));
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(error.message).toContain('Send fewer events per request');
    expect(source.destroyed).toBe(true);
    expect(sent).toBeLessThan(2 * MIB);
  });

  it('can leave the source open for an answer', async () => {
    const source = new PassThrough();
    source.write(Buffer.alloc(2 * MIB));
    expect(await refusal(decodeBody(source, undefined, { ...LIMITS, onRefusal: 'pause' }))).toMatchObject({
      code: 'BODY_TOO_LARGE',
    });
    expect(source.destroyed).toBe(false);
    expect(source.isPaused()).toBe(true);
  });

  const bomb = Buffer.alloc(32 * MIB);
  it.each([...encoders.slice(0, 5), ['zstd', zstdBomb] as [string, () => Buffer]])(
    'stops a %s bomb long before it is whole, while the client still holds the line',
    async (encoding, encode) => {
      const source = new PassThrough();
      source.write(encode(bomb).subarray(0, -1));
      const before = process.memoryUsage().arrayBuffers;
      const error = await refusal(decodeBody(source, encoding, { ...LIMITS, maxRatio: 1e9 }));
      expect(error).toMatchObject({ code: 'BODY_TOO_LARGE' });
      expect(error.message).toContain('once decompressed');
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
      expect(source.destroyed).toBe(true);
    },
  );

  it('applies the ratio only past one MiB of output', async () => {
    const small = zlib.gzipSync(Buffer.alloc(MIB, 'a'));
    expect(await decodeBody(whole(small), 'gzip', LIMITS)).toHaveLength(MIB);
    const error = await refusal(decodeBody(whole(zlib.gzipSync(Buffer.alloc(2 * MIB, 'a'))), 'gzip', LIMITS));
    expect(error.message).toContain('grows more than 100 times');
  });

  it('lets an output of exactly the limit pass, and not one byte more', async () => {
    const limits = { ...LIMITS, maxDecompressed: 1_000 };
    expect(await decodeBody(whole(zlib.gzipSync(Buffer.alloc(1_000))), 'gzip', limits)).toHaveLength(1_000);
    const error = await refusal(decodeBody(whole(zlib.gzipSync(Buffer.alloc(1_001))), 'gzip', limits));
    expect(error.code).toBe('BODY_TOO_LARGE');
  });
});

describe('damaged bodies', () => {
  const data = Buffer.from(BATCH);
  const streams: [string, Buffer][] = [
    ['gzip', zlib.gzipSync(data)],
    ['deflate', zlib.deflateSync(data)],
    ['br', zlib.brotliCompressSync(data)],
    ['zstd', ZSTD.streamed],
    ['zstd', ZSTD.hello],
  ];

  it.each(streams)('refuses %s cut anywhere', async (encoding, body) => {
    for (const at of [1, 2, 7, 12, body.length >> 1, body.length - 1]) {
      const error = await refusal(decodeBody(whole(body.subarray(0, at)), encoding, LIMITS));
      expect(error.code).toBe('DECOMPRESSION_FAILED');
    }
  });

  it.each(streams)('refuses %s followed by other data', async (encoding, body) => {
    for (const tail of [Buffer.from('garbage'), Buffer.alloc(600), Buffer.alloc(200_000, 7)]) {
      const joined = await refusal(decodeBody(whole(Buffer.concat([body, tail])), encoding, LIMITS));
      expect(joined.code).toBe('DECOMPRESSION_FAILED');
      const apart = await refusal(decodeBody(Readable.from([body, tail]), encoding, LIMITS));
      expect(apart.code).toBe('DECOMPRESSION_FAILED');
    }
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('refuses text sent as %s', async (encoding) => {
    const error = await refusal(decodeBody(whole(data), encoding, LIMITS));
    expect(error).toMatchObject({ code: 'DECOMPRESSION_FAILED' });
    expect(error.message).toMatch(/Compress it again, or send it as identity\.$/);
  });

  it('ends on every single-byte change of a zstd body', async () => {
    for (let at = 0; at < ZSTD.hello.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const body = Buffer.from(ZSTD.hello);
        body[at]! ^= flip;
        const outcome = await decodeBody(whole(body), 'zstd', LIMITS).catch((error: unknown) => error);
        expect(outcome instanceof DecodeError || Buffer.isBuffer(outcome)).toBe(true);
      }
    }
  });

  it('passes an error of the source on', async () => {
    const source = new Readable({ read: () => undefined });
    setImmediate(() => source.destroy(new Error('connection lost')));
    await expect(decodeBody(source, 'gzip', LIMITS)).rejects.toThrow('connection lost');
  });
});

describe('hostile zstd', () => {
  it('refuses a frame that announces more than the limit, before it allocates', async () => {
    const header = Buffer.alloc(13);
    header.set([0x28, 0xb5, 0x2f, 0xfd, 0xe0]);
    header.writeBigUInt64LE(1n << 40n, 5);
    const source = new PassThrough();
    source.write(header);
    expect(await refusal(decodeBody(source, 'zstd', LIMITS))).toMatchObject({ code: 'BODY_TOO_LARGE' });
  });

  it('refuses windows past 8 MiB', async () => {
    const error = await refusal(
      decodeBody(whole(frame(0x70, block(Buffer.from('abc'), 0, true))), 'zstd', LIMITS),
    );
    expect(error.code).toBe('DECOMPRESSION_FAILED');
  });

  it('is not held by a Huffman table that never ends', async () => {
    const content = Buffer.from([0xa2, 0x00, 0x02, 6, 0xf0, 0x03, 1, 1, 1, 1, 1, 1, 0]);
    const started = performance.now();
    const error = await refusal(decodeBody(whole(frame(0x38, block(content, 2, true))), 'zstd', LIMITS));
    expect(error.code).toBe('DECOMPRESSION_FAILED');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('is not held by sequences that ask for gigabytes', async () => {
    const sequences = Buffer.from([0x00, 255, 0x40, 0x1d, 0x54, 0, 0, 52]);
    const content = Buffer.concat([sequences, Buffer.alloc(120_000, 0xff)]);
    const started = performance.now();
    const error = await refusal(decodeBody(whole(frame(0x38, block(content, 2, true))), 'zstd', LIMITS));
    expect(error.code).toBe('DECOMPRESSION_FAILED');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('refuses thousands of tiny blocks over a large window', async () => {
    const blocks = Array.from({ length: 4_000 }, (_, i) => block(Buffer.from('x'), 0, i === 3_999));
    const error = await refusal(decodeBody(whole(frame(0x68, ...blocks)), 'zstd', LIMITS));
    expect(error.code).toBe('DECOMPRESSION_FAILED');
  });
});
