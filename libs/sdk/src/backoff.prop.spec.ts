import fc from 'fast-check';
import { backoffDelay, parseRetryAfter, retryDelay } from './backoff.js';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempt = fc.integer({ min: 0, max: 5_000 });
const cap = fc.integer({ min: 0, max: 600_000 });

describe('backoffDelay', () => {
  it('stays in [0, min(cap, 500 · 2^attempt))', () => {
    fc.assert(
      fc.property(attempt, random, cap, (n, r, most) => {
        const delay = backoffDelay(n, r, most);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.min(most, 500 * 2 ** Math.min(n, 40)));
      }),
    );
  });

  it('spreads over the whole range, which doubles until the cap', () => {
    expect([0, 1, 2, 3, 4].map((n) => backoffDelay(n, 0.5, 3_000))).toEqual([250, 500, 1_000, 1_500, 1_500]);
    expect(backoffDelay(3, 0, 30_000)).toBe(0);
    expect(backoffDelay(3, 0.999, 30_000)).toBeCloseTo(3_996);
  });
});

describe('retryDelay', () => {
  it('never comes before the time the server asked for, even past the cap', () => {
    fc.assert(
      fc.property(attempt, random, cap, fc.integer({ min: 0, max: 10 ** 9 }), (n, r, most, asked) => {
        expect(retryDelay(n, r, most, asked)).toBe(Math.max(asked, backoffDelay(n, r, most)));
      }),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 10, 22, 8, 49, 37);

  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['0.5', 500],
    ['Sun, 22 Nov 2026 08:49:47 GMT', 10_000],
    ['Sun, 22 Nov 2026 08:49:07 GMT', 0],
    ['-5', 0],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('reads %p as %p ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it('reads any text as nothing or a wait of zero or more', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseRetryAfter(text, now) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
