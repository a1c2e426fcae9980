import fc from 'fast-check';
import { gcra } from './gcra.js';

const T0 = 1_700_000_000_000;
const limits = fc.record({
  ratePerSecond: fc.integer({ min: 1, max: 5_000 }),
  burst: fc.integer({ min: 1, max: 2_000 }),
});
const steps = fc.array(
  fc.record({ wait: fc.integer({ min: 0, max: 3_000 }), cost: fc.integer({ min: 0, max: 2_500 }) }),
  {
    minLength: 1,
    maxLength: 60,
  },
);

describe('gcra', () => {
  it('lets a whole burst through at once, then one unit per interval', () => {
    const limit = { ratePerSecond: 10, burst: 3 };
    const first = gcra(undefined, T0, limit, 3);
    expect(first).toMatchObject({ allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 300 });
    expect(gcra(first.tat, T0, limit, 1)).toMatchObject({
      allowed: false,
      retryAfterMs: 100,
      tat: first.tat,
    });
    expect(gcra(first.tat, T0 + 99, limit, 1).allowed).toBe(false);
    expect(gcra(first.tat, T0 + 100, limit, 1).allowed).toBe(true);
  });

  it('does not lose a unit to the rounding of thirds', () => {
    const limit = { ratePerSecond: 3, burst: 3 };
    let tat: number | undefined;
    for (const remaining of [2, 1, 0]) {
      const taken = gcra(tat, T0 + 7, limit, 1);
      expect(taken).toMatchObject({ allowed: true, remaining });
      tat = taken.tat;
    }
    expect(gcra(tat, T0 + 7, limit, 1)).toMatchObject({ allowed: false, retryAfterMs: 334 });
  });

  it('says never where the cost is larger than the burst, and takes nothing', () => {
    const taken = gcra(undefined, T0, { ratePerSecond: 10, burst: 5 }, 6);
    expect(taken).toMatchObject({ allowed: false, never: true, remaining: 5, tat: T0 });
    expect(gcra(taken.tat, T0, { ratePerSecond: 10, burst: 5 }, 5)).not.toHaveProperty('never');
  });

  it('heals after the clock went back', () => {
    const limit = { ratePerSecond: 10, burst: 10 };
    const ahead = gcra(undefined, T0 + 3_600_000, limit, 10).tat;
    expect(gcra(ahead, T0, limit, 1)).toMatchObject({ allowed: false, retryAfterMs: 100 });
  });

  it.each([
    [{ ratePerSecond: 0, burst: 1 }, 1],
    [{ ratePerSecond: 1, burst: 0 }, 1],
    [{ ratePerSecond: Number.NaN, burst: 1 }, 1],
    [{ ratePerSecond: 1, burst: Number.POSITIVE_INFINITY }, 1],
    [{ ratePerSecond: 1, burst: 1 }, -1],
  ])('refuses %j with cost %d', (limit, cost) => {
    expect(() => gcra(undefined, T0, limit, cost)).toThrow(RangeError);
  });

  it('decides as a bucket that is refilled a little at a time', () => {
    fc.assert(
      fc.property(limits, steps, (limit, requests) => {
        const bucket = referenceBucket(limit.ratePerSecond, limit.burst);
        let tat: number | undefined;
        let now = T0;
        for (const { wait, cost } of requests) {
          now += wait;
          const taken = gcra(tat, now, limit, cost);
          const expected = bucket(wait, cost);
          expect(taken.allowed).toBe(expected.allowed);
          expect(taken.remaining).toBe(expected.remaining);
          tat = taken.tat;
        }
      }),
    );
  });

  it('passes exactly after retryAfterMs and not one millisecond before', () => {
    fc.assert(
      fc.property(limits, steps, (limit, requests) => {
        let tat: number | undefined;
        let now = T0;
        for (const { wait, cost } of requests) {
          now += wait;
          const taken = gcra(tat, now, limit, cost);
          if (!taken.allowed && taken.never === undefined) {
            expect(Number.isInteger(taken.retryAfterMs) && taken.retryAfterMs >= 1).toBe(true);
            expect(gcra(taken.tat, now + taken.retryAfterMs, limit, cost).allowed).toBe(true);
            expect(gcra(taken.tat, now + taken.retryAfterMs - 1, limit, cost).allowed).toBe(false);
          }
          tat = taken.tat;
        }
      }),
    );
  });

  it('never lets through more than one burst and the rate over any run', () => {
    fc.assert(
      fc.property(limits, steps, (limit, requests) => {
        let tat: number | undefined;
        let now = T0;
        let passed = 0;
        for (const { wait, cost } of requests) {
          now += wait;
          const taken = gcra(tat, now, limit, cost);
          if (taken.allowed) passed += cost;
          tat = taken.tat;
        }
        expect(passed).toBeLessThanOrEqual(limit.burst + ((now - T0) * limit.ratePerSecond) / 1000 + 0.01);
      }),
    );
  });

  it('sustains the rate: under constant pressure nothing of it is lost', () => {
    const limit = { ratePerSecond: 7, burst: 5 };
    let tat: number | undefined;
    let passed = 0;
    for (let now = T0; now < T0 + 600_000; now += 5) {
      const taken = gcra(tat, now, limit, 1);
      if (taken.allowed) passed++;
      tat = taken.tat;
    }
    expect(passed).toBeGreaterThanOrEqual(4_200);
    expect(passed).toBeLessThanOrEqual(4_205);
  });

  it('gives back everything after resetMs', () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 2_000 }), (limit, cost) => {
        const taken = gcra(undefined, T0, limit, Math.min(cost, limit.burst));
        expect(gcra(taken.tat, T0 + taken.resetMs, limit, limit.burst).allowed).toBe(true);
      }),
    );
  });
});

// A token bucket in exact integers: levels in thousandths of a unit, because one millisecond adds
// `ratePerSecond` thousandths.
function referenceBucket(ratePerSecond: number, burst: number) {
  let level = burst * 1000;
  return (wait: number, cost: number) => {
    level = Math.min(burst * 1000, level + wait * ratePerSecond);
    const allowed = cost * 1000 <= level;
    if (allowed) level -= cost * 1000;
    return { allowed, remaining: Math.floor(level / 1000) };
  };
}
