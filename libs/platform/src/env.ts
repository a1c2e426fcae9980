import path from 'node:path';
import { z } from 'zod';

/**
 * Every setting of every process, in one schema. docs/configuration.md is held to it by a test:
 * the description of each key is the sentence that stands there.
 */

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0', ''])
    .default(fallback ? 'true' : 'false')
    .transform((text) => text === 'true' || text === '1');

const integer = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const text = z.string().trim().min(1);

export const envSchema = z.object({
  ERRATA_HOME: text.default('.errata').describe('Directory of the embedded Postgres, keys and ready.json.'),
  HOST: text.default('127.0.0.1').describe('Address that the API listens on; `0.0.0.0` in a container.'),
  PORT: integer(3400, 0, 65535).describe('Port of the API; 0 takes any free one.'),
  WORKER_PORT: integer(0, 0, 65535).describe(
    'Port of the worker for health and metrics; 0 takes any free one.',
  ),
  WORKER_URLS: z
    .string()
    .default('')
    .transform((list) =>
      list
        .split(',')
        .map((url) => url.trim())
        .filter(Boolean),
    )
    .describe("Comma-separated addresses of workers whose metrics the API's /metrics shows too."),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address under which clients reach the API; used in DSNs and links. Default: HOST and PORT.'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('Postgres 15 or newer. Unset: `npm start` runs an embedded one.'),
  DATABASE_POOL_SIZE: integer(8, 1, 200).describe('Connections that one process may open to Postgres.'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe('Redis for the queue and shared rate limits. Unset: BullMQ runs on Postgres.'),
  QUEUE_PREFIX: text
    .default('errata_queue')
    .describe('Key prefix (Redis) or schema name (Postgres) of the queue.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  ERRATA_SECRET_KEY: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 random bytes in base64, e.g. from `openssl rand -base64 32`')
    .optional()
    .describe('Key that channel secrets are encrypted with. Unset: a key file in ERRATA_HOME.'),
  MAX_BODY_BYTES: integer(20 * 1024 * 1024, 1024, 1024 * 1024 * 1024).describe(
    'Largest request body after decompression.',
  ),
  MAX_EVENT_BYTES: integer(1024 * 1024, 1024, 64 * 1024 * 1024).describe('Largest single event.'),
  MAX_BATCH_EVENTS: integer(1000, 1, 100_000).describe('Most events in one request.'),
  COALESCE_MS: integer(4, 0, 1000).describe('Longest wait for other requests before a batch is queued.'),
  COALESCE_EVENTS: integer(500, 1, 10_000).describe('Events at which a batch is queued at once.'),
  QUEUE_TIMEOUT_MS: integer(2000, 100, 60_000).describe(
    'Longest wait for the queue before a request gets 503.',
  ),
  WORKER_CONCURRENCY: integer(4, 1, 64).describe('Batches that one worker digests at the same time.'),
  EVALUATE_TICK_SECONDS: integer(10, 1, 300).describe('Pause between evaluations of quiet projects.'),
  WEBHOOK_ALLOW_PRIVATE: flag(false).describe(
    'Whether webhooks may go to private addresses and plain http. `npm start` turns it on.',
  ),
  WEBHOOK_ALLOW_HOSTS: z
    .string()
    .default('')
    .transform((list) =>
      list
        .split(',')
        .map((host) => host.trim())
        .filter(Boolean),
    )
    .describe('Comma-separated hosts that webhooks may reach although their address is private.'),
  TRUST_PROXY: z
    .string()
    .default('')
    .transform((list) =>
      list
        .split(',')
        .map((range) => range.trim())
        .filter(Boolean),
    )
    .describe('Comma-separated addresses or CIDR ranges of proxies whose X-Forwarded headers count.'),
});

export type Env = z.infer<typeof envSchema>;

/** A setting that cannot be used; the message names each key and how to fix it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the settings from environment variables.
 * @throws ConfigError naming every key that is wrong, not just the first
 */
export function parseEnv(source: Record<string, string | undefined> = process.env): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const parsed = envSchema.safeParse(given);
  if (parsed.success) return { ...parsed.data, ERRATA_HOME: path.resolve(parsed.data.ERRATA_HOME) };
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(`settings are wrong: ${lines.join('; ')}. See docs/configuration.md.`);
}
