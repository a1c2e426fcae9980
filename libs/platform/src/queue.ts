import { createPostgresBackend, runMigrations, setDefaultBackendFactory } from 'bullmq';
import type { ConnectionOptions, JobsOptions, QueueOptions, WorkerOptions } from 'bullmq';
import type { Env } from './env.js';

/**
 * The one switch between the two queue back ends: BullMQ on Redis where REDIS_URL is set, BullMQ on
 * Postgres otherwise. Everything else is the same code.
 */
export type QueueBackend = 'redis' | 'postgres';

export function queueBackend(env: Pick<Env, 'REDIS_URL'>): QueueBackend {
  return env.REDIS_URL === undefined ? 'postgres' : 'redis';
}

/**
 * Chooses the back end for the queues that are made from now on in this process. `@nestjs/bullmq`
 * makes its queues itself, so the choice has to be the process's default.
 */
export function selectQueueBackend(env: Pick<Env, 'REDIS_URL'>): void {
  setDefaultBackendFactory(
    queueBackend(env) === 'postgres' ? (createPostgresBackend as unknown as undefined) : undefined,
  );
}

type QueueEnv = Pick<Env, 'REDIS_URL' | 'DATABASE_URL' | 'QUEUE_PREFIX' | 'QUEUE_TIMEOUT_MS'>;

/**
 * Options for queues that only add jobs. They fail fast: a request must get its 503 while the
 * client still waits, instead of hanging until the queue is back.
 */
export function producerOptions(env: QueueEnv): QueueOptions {
  if (env.REDIS_URL === undefined) return postgresOptions(env, 4);
  return {
    prefix: redisPrefix(env),
    connection: redis(env.REDIS_URL, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: env.QUEUE_TIMEOUT_MS,
    }),
  };
}

/** Options for queues and workers that consume: they wait through an outage instead of failing. */
export function consumerOptions(env: QueueEnv): QueueOptions & WorkerOptions {
  if (env.REDIS_URL === undefined) return postgresOptions(env, 3);
  return {
    prefix: redisPrefix(env),
    connection: redis(env.REDIS_URL, { maxRetriesPerRequest: null }),
  };
}

/**
 * How often a job may be found abandoned before it fails. BullMQ's default of 1 turns two crashes
 * of a worker into a lost batch; ten leaves a payload that kills its worker a way out.
 */
export const MAX_STALLED_COUNT = 10;

/** Milliseconds between looks for abandoned jobs, and how long a lock outlives its worker. */
export const STALLED_INTERVAL = 5_000;
export const LOCK_DURATION = 15_000;

/** Longest pause between two tries of a job that met an infrastructure fault, in milliseconds. */
export const MAX_BACKOFF = 30_000;

/**
 * Delay before the n-th try: 0.5 s doubled each time, capped, with jitter over its upper half, so that workers do
 * not all return at the moment a database comes back.
 * @param attemptsMade 1 after the first failure
 */
export function backoffDelay(attemptsMade: number, random: number = Math.random()): number {
  const ceiling = Math.min(500 * 2 ** Math.min(attemptsMade - 1, 10), MAX_BACKOFF);
  return Math.round(ceiling / 2 + (random * ceiling) / 2);
}

/**
 * What every worker is made with. `@nestjs/bullmq` takes the options of a worker from its `@Processor` and
 * from nowhere else, so each processor names these.
 */
export const WORKER_OPTIONS = {
  // Started in onApplicationBootstrap, once everything it needs is there.
  autorun: false,
  lockDuration: LOCK_DURATION,
  stalledInterval: STALLED_INTERVAL,
  maxStalledCount: MAX_STALLED_COUNT,
  settings: { backoffStrategy: (attemptsMade: number) => backoffDelay(attemptsMade) },
};

/** Options under which a job of the catalog is added. A known id makes adding it twice harmless. */
export function jobOptions(
  definition: { attempts: number; keepCompleted: number },
  jobId?: string,
): JobsOptions {
  return {
    attempts: definition.attempts,
    backoff: { type: 'custom' },
    removeOnComplete: definition.keepCompleted === 0 ? true : { count: definition.keepCompleted },
    removeOnFail: false,
    ...(jobId === undefined ? {} : { jobId }),
  };
}

/** The work took too long; whether it was done is not known. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Gives up waiting after a time; the work itself goes on. @throws TimeoutError */
export async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  // A late failure has nobody waiting for it any more.
  work.catch(() => undefined);
  await Promise.race([work, expired]).finally(() => clearTimeout(timer));
}

/** Creates the tables of BullMQ's Postgres back end; part of `errata migrate`. */
export async function migrateQueue(
  client: { query: (text: string, values?: unknown[]) => Promise<{ rows: never[] }> },
  schema: string,
): Promise<void> {
  await runMigrations(client as never, schema);
}

// The braces make every key of a queue hash to one slot of a Redis Cluster.
function redisPrefix(env: QueueEnv): string {
  return `{${env.QUEUE_PREFIX}}`;
}

// BullMQ makes (and closes) the connections itself when it is given options instead of a client.
function redis(url: string, options: object): ConnectionOptions {
  return {
    url,
    connectTimeout: 5_000,
    retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
    ...options,
  };
}

function postgresOptions(env: QueueEnv, max: number): QueueOptions & WorkerOptions {
  return {
    connection: {
      connectionString: env.DATABASE_URL,
      schema: env.QUEUE_PREFIX,
      max,
      connectionTimeoutMillis: env.QUEUE_TIMEOUT_MS,
      query_timeout: Math.max(env.QUEUE_TIMEOUT_MS, 5_000),
    },
  };
}
