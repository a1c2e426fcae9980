import { createMemoryRateLimiter } from './rate-limiter.js';

const T0 = 1_700_000_000_000;
const LIMIT = { ratePerSecond: 2, burst: 4 };

function limiter(maxKeys = 100) {
  const clock = { at: T0, now: () => clock.at };
  const memory = createMemoryRateLimiter({ clock, maxKeys });
  const take: typeof memory.take = (...request) => memory.take(...request);
  return { clock, take };
}

describe('createMemoryRateLimiter', () => {
  it('lets the burst pass, then the rate, and gives whole seconds to wait', async () => {
    const { take, clock } = limiter();
    expect(await take('a', LIMIT, 4)).toEqual({
      allowed: true,
      remaining: 0,
      retryAfterMs: 0,
      retryAfterSeconds: 0,
      resetMs: 2_000,
      decidedBy: 'memory',
    });
    expect(await take('a', LIMIT, 1)).toMatchObject({
      allowed: false,
      retryAfterMs: 500,
      retryAfterSeconds: 1,
    });
    expect(await take('a', LIMIT, 3)).toMatchObject({
      allowed: false,
      retryAfterMs: 1_500,
      retryAfterSeconds: 2,
    });
    clock.at += 500;
    expect(await take('a', LIMIT, 1)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('goes by the time it is given', async () => {
    const { take } = limiter();
    await take('a', LIMIT, 4, T0);
    expect((await take('a', LIMIT, 4, T0 + 1_999)).allowed).toBe(false);
    expect((await take('a', LIMIT, 4, T0 + 2_000)).allowed).toBe(true);
  });

  it('keeps keys apart', async () => {
    const { take } = limiter();
    await take('a', LIMIT, 4);
    expect((await take('b', LIMIT, 4)).allowed).toBe(true);
    expect((await take('a', LIMIT, 1)).allowed).toBe(false);
  });

  it('says never where the cost is past the burst', async () => {
    const decision = await limiter().take('a', LIMIT, 5);
    expect(decision).toMatchObject({ allowed: false, never: true, retryAfterSeconds: 1 });
  });

  it('forgets the key that was used longest ago, and only that', async () => {
    const { take } = limiter(2);
    await take('old', LIMIT, 4);
    await take('busy', LIMIT, 4);
    await take('old', LIMIT, 1);
    await take('new', LIMIT, 4);
    expect((await take('old', LIMIT, 1)).allowed).toBe(false);
    expect((await take('busy', LIMIT, 1)).allowed).toBe(true);
  });

  it('refuses a limit that is none', async () => {
    await expect(limiter().take('a', { ratePerSecond: 0, burst: 1 }, 1)).rejects.toThrow(RangeError);
  });
});
