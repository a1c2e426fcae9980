import fc from 'fast-check';
import { isRetryableStatus, retryAfterMs, retryDelayMs } from './retry.js';

const NOW = Date.UTC(2026, 0, 1);

describe('retryAfterMs', () => {
  it.each<[string | null, number | undefined]>([
    ['0', 0],
    [' 7 ', 7_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('%p is %p ms', (header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });
});

describe('retryDelayMs', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('never comes back before the server said, and not much later', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000_000), random, (attempt, asked, chance) => {
        const wait = retryDelayMs(attempt + 1, asked, chance);
        expect(wait).toBeGreaterThanOrEqual(asked);
        expect(wait).toBeLessThanOrEqual(asked + 500);
      }),
    );
  });

  it('doubles up to a cap and is never zero', () => {
    expect([1, 2, 3, 100].map((attempt) => retryDelayMs(attempt, undefined, 0.5))).toEqual([
      250, 375, 625, 10_125,
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (attempt, chance) => {
        const wait = retryDelayMs(attempt, undefined, chance);
        expect(wait).toBeGreaterThanOrEqual(125);
        expect(wait).toBeLessThanOrEqual(20_125);
      }),
    );
  });
});

describe('isRetryableStatus', () => {
  it.each([408, 429, 500, 502, 503, 504])('%i may pass', (status) => {
    expect(isRetryableStatus(status)).toBe(true);
  });
  it.each([302, 400, 401, 402, 403, 404, 413, 422])('%i will not', (status) => {
    expect(isRetryableStatus(status)).toBe(false);
  });
});
