import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseCatalog } from '@errata/contracts';
import type { Catalog } from '@errata/core';
import { migrateQueue } from '@errata/platform';
import { maintain, migrate, openStorage, seedCatalogs } from '@errata/storage';

const CATALOGS = fileURLToPath(new URL('../../../../catalogs/', import.meta.url));

/** Reads the catalogs that ship with Errata. */
export async function readCatalogs(): Promise<Catalog[]> {
  const names = (await readdir(CATALOGS)).filter((name) => name.endsWith('.yaml')).sort();
  return Promise.all(names.map(async (name) => parseCatalog(await readFile(`${CATALOGS}${name}`, 'utf8'))));
}

/**
 * Brings a database up to date: schema, queue tables, shipped catalogs and the partitions of the next
 * days. Any number of processes may do this at once.
 * @returns names of the migrations that were applied
 */
export async function prepareDatabase(
  databaseUrl: string,
  queueSchema: string,
  now: number,
): Promise<string[]> {
  const applied = await migrate({
    databaseUrl,
    after: (client) => migrateQueue(client, queueSchema),
  });
  const storage = await openStorage({ databaseUrl, poolSize: 2 });
  try {
    await seedCatalogs(storage.db, await readCatalogs());
    await maintain(storage.db, now);
  } finally {
    await storage.close();
  }
  return applied;
}
