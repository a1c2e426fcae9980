import { findApiToken, findIngestKey } from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { Clock, Logger } from '@errata/platform';
import { createTtlCache } from './ttl-cache.js';
import type { TtlCache } from './ttl-cache.js';

/** How long a revoked key or token may still work. */
const TTL_MS = 1_000;
/** How long the edge trusts what it knew while Postgres is away. */
const STALE_MS = 3_600_000;

export type IngestKey = NonNullable<Awaited<ReturnType<typeof findIngestKey>>>;
export type ApiToken = NonNullable<Awaited<ReturnType<typeof findApiToken>>>;

/** Ingest keys by their public text. */
export function createKeyCache(storage: Storage, clock: Clock, logger: Logger): TtlCache<IngestKey> {
  return createTtlCache({
    load: (key) => findIngestKey(storage.db, key),
    clock,
    ttlMs: TTL_MS,
    staleMs: STALE_MS,
    maxKeys: 10_000,
    onError: (error) => logger.warn({ err: error }, 'ingest key look-up failed'),
  });
}

/** API tokens by their text; kept fresh, because they read. */
export function createTokenCache(storage: Storage, clock: Clock, logger: Logger): TtlCache<ApiToken> {
  return createTtlCache({
    load: (token) => findApiToken(storage.db, token),
    clock,
    ttlMs: TTL_MS,
    staleMs: 0,
    maxKeys: 1_000,
    onError: (error) => logger.warn({ err: error }, 'API token look-up failed'),
  });
}
