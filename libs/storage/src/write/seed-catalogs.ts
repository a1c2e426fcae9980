import { createHash } from 'node:crypto';
import type { Catalog } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';

// Processes that start together seed one after the other.
const LOCK_KEY = 0x65727273;

type Transaction = Parameters<Parameters<PrismaClient['$transaction']>[0]>[0];

/**
 * Stores the built-in catalogs. A catalog whose content changed gets a new version; versions that events
 * were classified with are never touched.
 * @returns slugs that got a new version
 */
export async function seedCatalogs(db: PrismaClient, catalogs: readonly Catalog[]): Promise<string[]> {
  return db.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock($1::int, $2::int)`, LOCK_KEY, 0);
      const changed: string[] = [];
      for (const catalog of catalogs) {
        if (await seedCatalog(tx, catalog)) changed.push(catalog.slug);
      }
      return changed;
    },
    { maxWait: 20_000, timeout: 60_000 },
  );
}

async function seedCatalog(tx: Transaction, catalog: Catalog): Promise<boolean> {
  const rows = await tx.$queryRawUnsafe<Array<{ id: string }>>(
    `INSERT INTO catalog (id, slug, title) VALUES (gen_random_uuid(), $1::text, $2::text)
     ON CONFLICT (organization_id, slug) DO UPDATE SET title = excluded.title RETURNING id`,
    catalog.slug,
    catalog.title,
  );
  const catalogId = rows[0]!.id;
  const newest = await tx.catalogVersion.findFirst({
    where: { catalogId },
    orderBy: { version: 'desc' },
    select: { version: true, checksum: true },
  });
  const checksum = catalogChecksum(catalog);
  if (newest?.checksum.split('.')[0] === checksum) return false;
  const version = (newest?.version ?? 0) + 1;
  const repeated = await tx.catalogVersion.count({
    where: { catalogId, checksum: { startsWith: checksum } },
  });
  await tx.catalogVersion.create({
    data: {
      catalogId,
      version,
      // Going back to an earlier content is a new version too, so its checksum needs a name of its own.
      checksum: repeated === 0 ? checksum : `${checksum}.${version}`,
      document: JSON.parse(JSON.stringify({ ...catalog, version })) as object,
    },
  });
  await tx.catalogEntry.createMany({ data: entryRows(catalogId, version, catalog) });
  return true;
}

const entryRows = (catalogId: string, version: number, catalog: Catalog) =>
  catalog.entries.map((entry, ordinal) => ({
    catalogId,
    version,
    ordinal,
    code: entry.code,
    section: entry.section,
    statuses: entry.statuses,
    meaning: entry.meaning,
    resolution: entry.resolution,
    category: entry.category,
    severity: entry.severity,
    retryability: entry.retry.retryability,
    expectation: entry.expectation,
  }));

/** SHA-256 of what a catalog says, whatever its version is called and in whatever order its keys stand. */
export function catalogChecksum(catalog: Catalog): string {
  const { version: _, ...content } = catalog;
  return createHash('sha256')
    .update(JSON.stringify(sorted(content)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(keys.map(([key, inner]) => [key, sorted(inner)]));
}
