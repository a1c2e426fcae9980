import type { CatalogEntry, Expectation, Retryability } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';

type Reader = Pick<PrismaClient, '$queryRawUnsafe'>;

/** What a stored classification points to. */
export interface DocumentedEntry {
  retryability: Retryability;
  expectation: Expectation;
  /** Absent where no catalog documents the error, or the catalog's version is gone. */
  documented?: { catalog: string; entry: CatalogEntry };
}

/**
 * The documented entry behind a classification, as the catalog version of that time words it. An
 * organization's own catalog goes before a built-in one of the same name.
 * @returns undefined for an unknown classification
 */
export async function readDocumentedEntry(
  db: Reader,
  projectId: number,
  classId: number,
): Promise<DocumentedEntry | undefined> {
  const rows = await db.$queryRawUnsafe<
    Array<{
      retryability: Retryability;
      expectation: Expectation;
      title: string | null;
      entry: CatalogEntry | null;
    }>
  >(
    `SELECT c.retryability, c.expectation, found.title, found.entry
     FROM classification c
     LEFT JOIN LATERAL (
       SELECT k.title, entry.value AS entry
       FROM project p
       JOIN catalog k ON k.organization_id IS NULL OR k.organization_id = p.organization_id
       JOIN catalog_version v ON v.catalog_id = k.id AND v.version = c.catalog_version
       CROSS JOIN LATERAL jsonb_array_elements(v.document -> 'entries') WITH ORDINALITY AS entry (value, ordinal)
       WHERE p.id = c.project_id AND k.slug = c.catalog
         AND entry.value ->> 'code' = c.entry_code AND entry.value ->> 'section' = c.section
       ORDER BY k.organization_id NULLS LAST, entry.ordinal LIMIT 1
     ) AS found ON true
     WHERE c.project_id = $1::int AND c.id = $2::int`,
    projectId,
    classId,
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const { retryability, expectation, title, entry } = row;
  if (title === null || entry === null) return { retryability, expectation };
  return { retryability, expectation, documented: { catalog: title, entry } };
}
