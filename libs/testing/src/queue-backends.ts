import { randomBytes } from 'node:crypto';

export interface TestQueueBackend {
  name: 'postgres' | 'redis';
  /** Settings that select the back end; the prefix keeps test files apart. */
  env: (databaseUrl: string) => { DATABASE_URL: string; REDIS_URL?: string; QUEUE_PREFIX: string };
}

/**
 * The back ends that every queue suite runs against: Postgres always, Redis where there is one.
 * In CI a missing Redis fails the run before the first test (global-setup.mjs).
 */
export function queueBackends(): TestQueueBackend[] {
  const redisUrl = process.env['ERRATA_TEST_REDIS'];
  const postgres: TestQueueBackend = {
    name: 'postgres',
    env: (databaseUrl) => ({ DATABASE_URL: databaseUrl, QUEUE_PREFIX: 'errata_queue' }),
  };
  if (redisUrl === undefined) return [postgres];
  const redis: TestQueueBackend = {
    name: 'redis',
    env: (databaseUrl) => ({
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      QUEUE_PREFIX: `t${randomBytes(4).toString('hex')}`,
    }),
  };
  return [postgres, redis];
}
