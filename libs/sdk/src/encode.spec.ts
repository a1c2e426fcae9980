import { gunzipSync } from 'node:zlib';
import { encode } from './encode.js';

const LONG = '{"text":"é"}'.repeat(1_000);

/** Runs with a global taken away, as on an older platform. */
async function without(name: string, run: () => Promise<void>): Promise<void> {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)!;
  Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
  try {
    await run();
  } finally {
    Object.defineProperty(globalThis, name, before);
  }
}

describe('encode', () => {
  it('compresses above 1 KiB only, and only where asked', async () => {
    expect(await encode('x'.repeat(1024), true)).toEqual({
      body: new TextEncoder().encode('x'.repeat(1024)),
    });
    expect((await encode('x'.repeat(1025), true)).encoding).toBe('gzip');
    expect((await encode(LONG, false)).encoding).toBeUndefined();
  });

  it('gives back the text when decompressed', async () => {
    const { body, encoding } = await encode(LONG, true);
    expect(encoding).toBe('gzip');
    expect(body.length).toBeLessThan(LONG.length / 10);
    expect(gunzipSync(body).toString('utf8')).toBe(LONG);
  });

  it('compresses with Node where there is no CompressionStream', async () => {
    await without('CompressionStream', async () => {
      const { body, encoding } = await encode(LONG, true);
      expect(encoding).toBe('gzip');
      expect(gunzipSync(body).toString('utf8')).toBe(LONG);
    });
  });

  it('sends plain text where neither is there, as in an old browser', async () => {
    await without('CompressionStream', () =>
      without('process', async () => {
        const { body, encoding } = await encode(LONG, true);
        expect(encoding).toBeUndefined();
        expect(new TextDecoder().decode(body)).toBe(LONG);
      }),
    );
  });
});
