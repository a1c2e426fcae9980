import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { systemClock } from './clock.js';
import { createMemoryRateLimiter, createRedisRateLimiter } from './rate-limiter.js';
import type { RateLimiter } from './rate-limiter.js';

const installed = spawnSync('redis-server', ['--version']).status === 0;
if (!installed) {
  const words = 'redis-server is not installed (Debian: apt-get install redis-server)';
  if (process.env['CI'] !== undefined) throw new Error(`${words}: the shared rate limiter cannot be tested.`);
  console.warn(`${words}: SKIPPING the tests of the shared rate limiter.`);
}
const describeWithRedis = installed ? describe : describe.skip;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

describeWithRedis('createRedisRateLimiter', () => {
  const LIMIT = { ratePerSecond: 10, burst: 5 };
  let dir: string;
  let port: number;
  let server: ChildProcess;
  let redis: Redis;
  let memory: RateLimiter;
  let fallbacks: Error[];
  let limiter: RateLimiter;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'errata-redis-'));
    port = await freePort();
    const options = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      dir,
    ];
    server = spawn('redis-server', options, { stdio: 'ignore' });
  });
  afterAll(async () => {
    const stopped = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGCONT');
    server.kill('SIGKILL');
    await stopped;
    await rm(dir, { recursive: true });
  });
  beforeEach(async () => {
    redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on('error', () => undefined);
    await redis.ping();
    await redis.flushall();
    memory = createMemoryRateLimiter({ clock: systemClock });
    fallbacks = [];
    limiter = createRedisRateLimiter(redis, memory, {
      timeoutMs: 150,
      pauseMs: 200,
      onFallback: (error) => fallbacks.push(error),
    });
  });
  afterEach(() => redis.disconnect());

  it('lets the burst pass at once, and the rest exactly when it said', async () => {
    const slow = { ratePerSecond: 2, burst: 3 };
    expect(await limiter.take('a', slow, 3)).toMatchObject({
      allowed: true,
      remaining: 0,
      decidedBy: 'redis',
    });
    const refused = await limiter.take('a', slow, 1);
    expect(refused).toMatchObject({ allowed: false, retryAfterSeconds: 1, decidedBy: 'redis' });
    expect(refused.retryAfterMs).toBeGreaterThan(400);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(500);
    await sleep(refused.retryAfterMs + 2);
    expect((await limiter.take('a', slow, 1)).allowed).toBe(true);
    expect((await limiter.take('a', slow, 1)).allowed).toBe(false);
    expect(fallbacks).toEqual([]);
  });

  it('holds the limit over many processes at once, and forgets keys by itself', async () => {
    const others = Array.from({ length: 4 }, () => new Redis(port, '127.0.0.1'));
    const started = performance.now();
    const takes = others.flatMap((client) => {
      const peer = createRedisRateLimiter(client, memory, { timeoutMs: 5_000 });
      return client
        .ping()
        .then(() => Promise.all(Array.from({ length: 100 }, () => peer.take('shared', LIMIT, 1))));
    });
    const decisions = (await Promise.all(takes)).flat();
    const earned = ((performance.now() - started) / 1000) * LIMIT.ratePerSecond;
    const passed = decisions.filter(({ allowed }) => allowed).length;
    expect(decisions.every(({ decidedBy }) => decidedBy === 'redis')).toBe(true);
    expect(passed).toBeGreaterThanOrEqual(5);
    expect(passed).toBeLessThanOrEqual(5 + Math.ceil(earned));
    const ttl = await redis.pttl('errata:rate:shared');
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(1_500);
    others.forEach((client) => client.disconnect());
  });

  it('keeps in its script what it tells the caller', async () => {
    for (const cost of [1, 2, 0, 1, 3, 2, 4, 1, 9, 1]) {
      const looked = await limiter.take('b', { ratePerSecond: 0.001, burst: 7 }, 0);
      const taken = await limiter.take('b', { ratePerSecond: 0.001, burst: 7 }, cost);
      expect(taken.allowed).toBe(cost <= looked.remaining);
      expect(taken.remaining).toBe(looked.remaining - (taken.allowed ? cost : 0));
      expect(taken.never).toBe(cost > 7 ? true : undefined);
    }
  });

  it('does not lose a unit to rounding, at any rate', async () => {
    for (const ratePerSecond of [0.003, 0.007, 0.0123]) {
      const key = `c${ratePerSecond}`;
      for (let left = 29; left >= 0; left--) {
        expect(await limiter.take(key, { ratePerSecond, burst: 30 }, 1)).toMatchObject({
          allowed: true,
          remaining: left,
        });
      }
      expect((await limiter.take(key, { ratePerSecond, burst: 30 }, 1)).allowed).toBe(false);
    }
  });

  it('works again after Redis forgot the script', async () => {
    await limiter.take('d', LIMIT, 1);
    await redis.script('FLUSH');
    expect(await limiter.take('d', LIMIT, 1)).toMatchObject({
      allowed: true,
      remaining: 3,
      decidedBy: 'redis',
    });
  });

  it('limits by itself while Redis hangs, quickly, and returns to Redis afterwards', async () => {
    server.kill('SIGSTOP');
    const started = performance.now();
    const decisions = [];
    for (let i = 0; i < 20; i++)
      decisions.push(await limiter.take('e', { ratePerSecond: 0.01, burst: 5 }, 1));
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5);
    expect(decisions.every(({ decidedBy }) => decidedBy === 'memory')).toBe(true);
    expect(fallbacks.length).toBeGreaterThanOrEqual(1);
    expect(fallbacks[0]?.message).toContain('did not answer within 150 ms');
    server.kill('SIGCONT');
    await sleep(400);
    expect((await limiter.take('f', LIMIT, 1)).decidedBy).toBe('redis');
  });

  it('limits by itself when it cannot connect', async () => {
    const lost = new Redis(await freePort(), '127.0.0.1', {
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    lost.on('error', () => undefined);
    const alone = createRedisRateLimiter(lost, memory);
    const decisions = await Promise.all(
      Array.from({ length: 9 }, () => alone.take('g', { ratePerSecond: 0.01, burst: 4 }, 1)),
    );
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(4);
    lost.disconnect();
  });

  it('refuses a limit that is none, instead of falling back', async () => {
    await expect(limiter.take('h', { ratePerSecond: 1, burst: 0 }, 1)).rejects.toThrow(RangeError);
    expect(fallbacks).toEqual([]);
  });
});
