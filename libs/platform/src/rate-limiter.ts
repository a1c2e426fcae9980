import { createHash } from 'node:crypto';
import { gcra } from './gcra.js';
import type { GcraResult, RateLimit } from './gcra.js';
import type { Redis } from 'ioredis';
import type { Clock } from './clock.js';

/** The answer to one request; `retryAfterSeconds` is a whole number for Retry-After, 0 when it may pass. */
export interface RateDecision extends Omit<GcraResult, 'tat'> {
  retryAfterSeconds: number;
  /** Who decided: the shared store, or this process alone. */
  decidedBy: 'memory' | 'redis';
}

export interface RateLimiter {
  /**
   * Takes `cost` units from the allowance of a key, or nothing where they are not to be had.
   * @param now milliseconds since the epoch, for the in-memory limiter; Redis goes by its own clock
   * @throws RangeError where limit or cost is not a usable number
   */
  take(key: string, limit: RateLimit, cost: number, now?: number): Promise<RateDecision>;
  close(): Promise<void>;
}

function decide({ tat: _, ...result }: GcraResult, decidedBy: RateDecision['decidedBy']): RateDecision {
  const waits = !result.allowed;
  return {
    ...result,
    retryAfterSeconds: waits ? Math.max(Math.ceil(result.retryAfterMs / 1000), 1) : 0,
    decidedBy,
  };
}

/**
 * A limiter for one process. It remembers the `maxKeys` keys used last; a forgotten key starts full again.
 * Refused and looking requests cost memory too, so the bound holds against invented keys.
 */
export function createMemoryRateLimiter({
  clock,
  maxKeys = 10_000,
}: {
  clock: Clock;
  maxKeys?: number;
}): RateLimiter {
  const times = new Map<string, number>();
  const takeNow = (key: string, limit: RateLimit, cost: number, now: number): RateDecision => {
    const result = gcra(times.get(key), now, limit, cost);
    times.delete(key);
    times.set(key, result.tat);
    if (times.size > maxKeys) times.delete(times.keys().next().value!);
    return decide(result, 'memory');
  };
  return {
    take: (key, limit, cost, now = clock.now()) =>
      new Promise((resolve) => resolve(takeNow(key, limit, cost, now))),
    close() {
      times.clear();
      return Promise.resolve();
    },
  };
}

/** Waits and pauses of the shared limiter, in milliseconds. */
export interface RedisRateLimiterOptions {
  keyPrefix?: string;
  /** How long one answer may take before this process decides alone. */
  timeoutMs?: number;
  /** How long Redis is left alone after it failed. */
  pauseMs?: number;
  /** Told once per pause, with the reason. */
  onFallback?: (error: Error) => void;
}

// Reads and keeps the time as %.17g, because Lua's own conversion drops digits that the schedule needs.
// The script repeats the sums of `gcra` to keep the schedule; what the caller is told comes from `gcra` itself,
// on the two times that the script saw, and a spec holds the two together.
const SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local unit = 1000 / tonumber(ARGV[1])
local burst, cost = tonumber(ARGV[2]), tonumber(ARGV[3])
local full = burst * unit
local ahead = math.min(math.max((tonumber(redis.call('GET', KEYS[1])) or now) - now, 0), full)
if cost <= burst and ahead <= (burst - cost) * unit + 0.001 and cost > 0 then
  local tat = now + ahead + cost * unit
  redis.call('SET', KEYS[1], string.format('%.17g', tat), 'PX', math.ceil(tat - now) + 1000)
end
return { string.format('%.17g', now), string.format('%.17g', now + ahead) }
`;
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');

/**
 * A limiter shared by every process on one Redis: one script call holds a key's schedule, on Redis' clock.
 *
 * Where Redis fails or is late, the fallback decides and Redis is left alone for a moment: requests are
 * limited per process then, never let through unlimited. The connection stays the caller's to close;
 * `close()` closes the fallback.
 */
export function createRedisRateLimiter(
  redis: Redis,
  fallback: RateLimiter,
  { keyPrefix = 'errata:rate:', timeoutMs = 250, pauseMs = 1_000, onFallback }: RedisRateLimiterOptions = {},
): RateLimiter {
  let pausedUntil = 0;
  return {
    async take(key, limit, cost, now) {
      gcra(undefined, 0, limit, cost);
      if (performance.now() < pausedUntil) return fallback.take(key, limit, cost, now);
      try {
        const [at, tat] = await within(timeoutMs, call(redis, keyPrefix + key, limit, cost));
        return decide(gcra(tat, at, limit, cost), 'redis');
      } catch (error) {
        pausedUntil = performance.now() + pauseMs;
        onFallback?.(error instanceof Error ? error : new Error(String(error)));
        return fallback.take(key, limit, cost, now);
      }
    },
    close: () => fallback.close(),
  };
}

/** Redis' time and the key's schedule just before this request, both in milliseconds. */
async function call(redis: Redis, key: string, limit: RateLimit, cost: number): Promise<[number, number]> {
  // A client that is still connecting would queue the command for as long as that takes.
  if (redis.status !== 'ready') throw new Error(`Redis is not ready (${redis.status})`);
  const args = [1, key, limit.ratePerSecond, limit.burst, cost] as const;
  const answer = await redis.evalsha(SCRIPT_SHA, ...args).catch((error: unknown) => {
    if (String(error).includes('NOSCRIPT')) return redis.eval(SCRIPT, ...args);
    throw error;
  });
  if (!Array.isArray(answer)) throw new Error('Redis gave an answer of an unknown shape');
  const [at, tat] = answer.map(Number);
  if (at === undefined || tat === undefined || !Number.isFinite(at + tat))
    throw new Error('Redis gave no times');
  return [at, tat];
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
