/** Bodies up to this many bytes are sent as they are: compressing them gains nothing. */
const SMALL = 1024;

export interface Payload {
  body: Uint8Array<ArrayBuffer>;
  encoding?: 'gzip';
}

interface Zlib {
  gzipSync(data: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** UTF-8 of the text, gzipped where that is wanted, worth it and possible. */
export async function encode(text: string, gzip: boolean): Promise<Payload> {
  const body = new TextEncoder().encode(text);
  const packed = gzip && body.length > SMALL ? await compress(body) : undefined;
  return packed ? { body: packed, encoding: 'gzip' } : { body };
}

async function compress(body: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    if (typeof CompressionStream === 'function') {
      const stream = new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    }
    // Asked of the process instead of imported, so that bundlers for browsers find nothing to resolve.
    const zlib = globalThis.process?.getBuiltinModule?.('node:zlib') as Zlib | undefined;
    return zlib?.gzipSync(body);
  } catch {
    return undefined;
  }
}
