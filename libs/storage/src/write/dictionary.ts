import type { Classification } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';

export type DimensionKind = 'code' | 'tenant' | 'environment' | 'service' | 'release' | 'route';

/** The id that stands for "absent" in every dictionary column. */
export const ABSENT = 0;

const MAX_CACHED = 200_000;

/**
 * Turns repeated text into the integers that events and rollups store.
 *
 * New names are committed in a statement of their own before the batch that needs them: a name
 * without events does no harm, while a cached id whose insert was rolled back would (ADR 0005).
 */
export interface Dictionary {
  /** Ids of the values of one project, in the order given; the empty text is {@link ABSENT}. */
  resolve(projectId: number, kind: DimensionKind, values: readonly string[]): Promise<number[]>;
  /** Ids of classifications of one project, in the order given. */
  resolveClasses(projectId: number, classifications: readonly Classification[]): Promise<number[]>;
}

/** A cache in front of the tables `dimension_value` and `classification`. */
export function createDictionary(db: PrismaClient): Dictionary {
  const cache = new Map<string, number>();

  const remember = (key: string, id: number) => {
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string);
    cache.set(key, id);
  };

  const resolveAll = async <T>(
    prefix: string,
    items: readonly T[],
    textOf: (item: T) => string,
    load: (missing: Map<string, T>) => Promise<Array<{ id: number; text: string }>>,
  ): Promise<number[]> => {
    const missing = new Map<string, T>();
    for (const item of items) {
      const text = textOf(item);
      if (text !== '' && !cache.has(prefix + text)) missing.set(text, item);
    }
    const loaded = new Map<string, number>();
    if (missing.size > 0) {
      for (const row of await load(missing)) {
        loaded.set(row.text, row.id);
        remember(prefix + row.text, row.id);
      }
    }
    return items.map((item) => {
      const text = textOf(item);
      return text === '' ? ABSENT : (loaded.get(text) ?? cache.get(prefix + text) ?? missingId(text));
    });
  };

  return {
    resolve: (projectId, kind, values) =>
      resolveAll(
        `${projectId}\0${kind}\0`,
        values,
        (value) => value,
        (missing) => upsertDimensions(db, projectId, kind, [...missing.keys()].sort()),
      ),
    resolveClasses: (projectId, classifications) =>
      resolveAll(`${projectId}\0class\0`, classifications, fingerprintOf, (missing) =>
        upsertClasses(db, projectId, missing),
      ),
  };
}

function missingId(text: string): never {
  throw new Error(`the dictionary returned no id for ${JSON.stringify(text)}`);
}

// Looking first costs a round trip for new names only, and an insert that meets a known name would burn
// an id of the sequence each time. Sorted, so that two workers never wait for each other in a circle.
async function upsertDimensions(db: PrismaClient, projectId: number, kind: string, values: string[]) {
  const known = await findDimensions(db, projectId, kind, values);
  const names = new Set(known.map((row) => row.text));
  const missing = values.filter((value) => !names.has(value));
  if (missing.length === 0) return known;
  await db.$executeRawUnsafe(
    `INSERT INTO dimension_value (project_id, kind, value)
     SELECT $1::int, $2::text, v FROM unnest($3::text[]) AS v ORDER BY v
     ON CONFLICT DO NOTHING`,
    projectId,
    kind,
    missing,
  );
  return [...known, ...(await findDimensions(db, projectId, kind, missing))];
}

function findDimensions(db: PrismaClient, projectId: number, kind: string, values: string[]) {
  return db.$queryRawUnsafe<Array<{ id: number; text: string }>>(
    `SELECT id, value AS text FROM dimension_value
     WHERE project_id = $1::int AND kind = $2::text AND value = ANY ($3::text[])`,
    projectId,
    kind,
    values,
  );
}

/** Text that is equal for two classifications exactly if they say the same. */
export function fingerprintOf(c: Classification): string {
  return JSON.stringify([
    c.catalog,
    c.catalogVersion,
    c.entryCode,
    c.section,
    c.category,
    c.severity,
    c.retryability,
    c.expectation,
    c.matchedBy,
    c.mismatches,
  ]);
}

async function upsertClasses(db: PrismaClient, projectId: number, classes: Map<string, Classification>) {
  const rows = [...classes.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([fingerprint, c]) => ({
      fingerprint,
      catalog: c.catalog,
      catalog_version: c.catalogVersion,
      entry_code: c.entryCode,
      section: c.section,
      category: c.category,
      severity: c.severity,
      retryability: c.retryability,
      expectation: c.expectation,
      matched_by: c.matchedBy,
      mismatches: c.mismatches,
    }));
  await db.$executeRawUnsafe(
    `INSERT INTO classification (project_id, fingerprint, catalog, catalog_version, entry_code, section,
       category, severity, retryability, expectation, matched_by, mismatches)
     SELECT $1::int, fingerprint, catalog, catalog_version, entry_code, section,
       category, severity, retryability, expectation, matched_by,
       ARRAY (SELECT jsonb_array_elements_text(mismatches))
     FROM jsonb_to_recordset($2::jsonb) AS x (fingerprint text, catalog text, catalog_version int,
       entry_code text, section text, category text, severity text, retryability text,
       expectation text, matched_by text, mismatches jsonb)
     ORDER BY fingerprint
     ON CONFLICT DO NOTHING`,
    projectId,
    JSON.stringify(rows),
  );
  return db.$queryRawUnsafe<Array<{ id: number; text: string }>>(
    `SELECT id, fingerprint AS text FROM classification
     WHERE project_id = $1::int AND fingerprint = ANY ($2::text[])`,
    projectId,
    [...classes.keys()],
  );
}
