import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.js';
import { SEARCH_PATH } from './search-path.js';
import { createDictionary } from './write/dictionary.js';
import type { Dictionary } from './write/dictionary.js';

export type { PrismaClient };
export { Prisma } from './generated/client.js';

/** Everything that reads or writes Postgres takes this. */
export interface Storage {
  db: PrismaClient;
  /** Ids of repeated text, cached. */
  dictionary: Dictionary;
  close(): Promise<void>;
}

export interface StorageOptions {
  databaseUrl: string;
  poolSize: number;
  /** Told of idle connections that broke; the pool replaces them by itself. */
  onError?: (error: Error) => void;
}

/** Opens a pool of connections and checks that the server answers. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const adapter = new PrismaPg(
    {
      connectionString: options.databaseUrl,
      options: SEARCH_PATH,
      max: options.poolSize,
      connectionTimeoutMillis: 5_000,
      // The server ends what a dead process left open, so that no lock outlives its owner for long.
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 15_000,
    },
    { onPoolError: (error) => options.onError?.(error) },
  );
  const db = new PrismaClient({ adapter });
  await db.$queryRaw`SELECT 1`;
  return { db, dictionary: createDictionary(db), close: () => db.$disconnect() };
}
