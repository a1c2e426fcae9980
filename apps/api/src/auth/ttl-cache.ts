import type { Clock } from '@errata/platform';

/**
 * Remembers look-ups for a short while, so that a revoked key stops working within that while and
 * Postgres is asked once per key and period instead of once per request.
 *
 * When the look-up fails (Postgres away), the last answer stays good for `staleMs`: the edge keeps
 * accepting while the database is down. Unknown keys are remembered too.
 */
export interface TtlCache<T> {
  get(key: string): Promise<T | undefined>;
}

interface Remembered<T> {
  value: T | undefined;
  fetchedAt: number;
  refreshing?: Promise<T | undefined>;
}

export interface TtlCacheOptions<T> {
  load: (key: string) => Promise<T | undefined>;
  clock: Clock;
  ttlMs: number;
  staleMs: number;
  maxKeys: number;
  onError?: (error: unknown) => void;
}

/** Makes a cache; least recently loaded entries go first. */
export function createTtlCache<T>(options: TtlCacheOptions<T>): TtlCache<T> {
  const entries = new Map<string, Remembered<T>>();

  const refresh = async (key: string, previous: Remembered<T> | undefined): Promise<T | undefined> => {
    try {
      const value = await options.load(key);
      entries.delete(key);
      if (entries.size >= options.maxKeys) entries.delete(entries.keys().next().value as string);
      entries.set(key, { value, fetchedAt: options.clock.now() });
      return value;
    } catch (error) {
      options.onError?.(error);
      const age = previous === undefined ? Infinity : options.clock.now() - previous.fetchedAt;
      if (previous === undefined || age > options.staleMs) throw error;
      delete previous.refreshing;
      return previous.value;
    }
  };

  return {
    get: async (key) => {
      const known = entries.get(key);
      if (known !== undefined && options.clock.now() - known.fetchedAt < options.ttlMs) return known.value;
      if (known?.refreshing !== undefined) return known.refreshing;
      const refreshing = refresh(key, known);
      if (known !== undefined) known.refreshing = refreshing;
      return refreshing;
    },
  };
}
