import fc from 'fast-check';
import { uuidV7 } from './uuid.js';

const V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('uuidV7', () => {
  it('holds the time in its first 48 bits, under any random bytes', () => {
    fc.assert(
      fc.property(time, fc.uint8Array({ minLength: 10, maxLength: 10 }), (now, bytes) => {
        const id = uuidV7(now, () => bytes);
        expect(id).toMatch(V7);
        expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(now);
      }),
    );
  });

  it('keeps the 74 random bits', () => {
    expect(uuidV7(0, (into) => into.fill(0xff))).toBe('00000000-0000-7fff-bfff-ffffffffffff');
    expect(uuidV7(0, (into) => into.fill(0))).toBe('00000000-0000-7000-8000-000000000000');
  });

  it('differs from call to call', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => uuidV7(1))).size).toBe(1_000);
  });

  it('works where the platform has no crypto, as in Node 18', () => {
    const crypto = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
    Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
    try {
      const ids = Array.from({ length: 100 }, () => uuidV7(Date.UTC(2026, 0, 1)));
      expect(new Set(ids).size).toBe(100);
      for (const id of ids) expect(id).toMatch(V7);
    } finally {
      Object.defineProperty(globalThis, 'crypto', crypto);
    }
  });
});
