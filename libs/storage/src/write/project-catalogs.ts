import type { AttachedCatalog, Catalog } from '@errata/core';
import type { PrismaClient } from '../generated/client.js';
import { writeAudit } from './audit.js';

/** One catalog of a project, in the order in which they are asked. */
export interface CatalogAttachment {
  slug: string;
  /** True where its statuses say nothing about this API and only its codes count. */
  codesOnly: boolean;
  /** Null follows the newest version. */
  pinnedVersion: number | null;
}

/** What a new project is given, in order, as far as it is there. */
export const DEFAULT_CATALOGS: readonly CatalogAttachment[] = [
  { slug: 'aether365', codesOnly: true, pinnedVersion: null },
  { slug: 'developer-documentation', codesOnly: true, pinnedVersion: null },
  { slug: 'aether', codesOnly: true, pinnedVersion: null },
  { slug: 'errata', codesOnly: true, pinnedVersion: null },
  { slug: 'http', codesOnly: false, pinnedVersion: null },
];

type Raw = Pick<PrismaClient, '$executeRawUnsafe' | '$queryRawUnsafe'>;

/** Attaches {@link DEFAULT_CATALOGS} to a project that has none. */
export async function attachDefaultCatalogs(db: Raw, projectId: number): Promise<void> {
  await db.$executeRawUnsafe(
    `INSERT INTO project_catalog (project_id, position, catalog_id, codes_only)
     SELECT $1::int, row_number() OVER (ORDER BY x.position), c.id, x.codes_only
     FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS x (slug, codes_only, position)
     JOIN catalog c ON c.slug = x.slug AND c.organization_id IS NULL
     ON CONFLICT DO NOTHING`,
    projectId,
    DEFAULT_CATALOGS.map((attachment) => attachment.slug),
    DEFAULT_CATALOGS.map((attachment) => attachment.codesOnly),
  );
}

/** An attachment as listed: with the title and the version that is in use. */
export interface ListedAttachment extends CatalogAttachment {
  title: string;
  version: number;
}

/** The catalogs of a project, in order. */
export function listProjectCatalogs(db: Raw, projectId: number): Promise<ListedAttachment[]> {
  return db.$queryRawUnsafe<ListedAttachment[]>(
    `SELECT c.slug, c.title, v.version, p.codes_only AS "codesOnly", p.pinned_version AS "pinnedVersion"
     ${ATTACHED} ORDER BY p.position`,
    projectId,
  );
}

// The newest version, or the pinned one.
const ATTACHED = `FROM project_catalog p
  JOIN catalog c ON c.id = p.catalog_id
  JOIN LATERAL (
    SELECT n.version, n.document FROM catalog_version n
    WHERE n.catalog_id = c.id AND (p.pinned_version IS NULL OR n.version = p.pinned_version)
    ORDER BY n.version DESC LIMIT 1
  ) v ON true
  WHERE p.project_id = $1::int`;

/** What the digest classifies with: the documents of a project's catalogs, in order. */
export async function loadProjectCatalogs(db: Raw, projectId: number): Promise<AttachedCatalog[]> {
  return db.$queryRawUnsafe<Array<{ catalog: Catalog; codesOnly: boolean }>>(
    `SELECT v.document AS catalog, p.codes_only AS "codesOnly" ${ATTACHED} ORDER BY p.position`,
    projectId,
  );
}

/** A short text that changes exactly when {@link loadProjectCatalogs} would answer differently. */
export async function projectCatalogsVersion(db: Raw, projectId: number): Promise<string> {
  const rows = await db.$queryRawUnsafe<Array<{ version: string | null }>>(
    `SELECT string_agg(c.id || ':' || v.version || CASE WHEN p.codes_only THEN 'c' ELSE '' END, ',' ORDER BY p.position)
       AS version ${ATTACHED}`,
    projectId,
  );
  return rows[0]?.version ?? '';
}

/** An attachment that names what is not there. */
export class UnknownCatalogError extends Error {
  override readonly name = 'UnknownCatalogError';

  /** @param index position in the list that was given */
  constructor(
    readonly index: number,
    readonly field: 'slug' | 'pinned_version',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Replaces the catalogs of a project.
 * @throws UnknownCatalogError naming the first attachment that cannot be made
 */
export async function replaceProjectCatalogs(
  db: PrismaClient,
  target: { organizationId: string; projectId: number; actor: string },
  attachments: readonly CatalogAttachment[],
  now: number,
): Promise<void> {
  const { organizationId, projectId, actor } = target;
  await db.$transaction(async (tx) => {
    // Two replacements at once would each insert what the other did not delete.
    await tx.$queryRawUnsafe(`SELECT 1 FROM project WHERE id = $1::int FOR UPDATE`, projectId);
    const ids: string[] = [];
    for (const [index, attachment] of attachments.entries()) {
      ids.push(await catalogId(tx, organizationId, attachment, index));
    }
    await tx.projectCatalog.deleteMany({ where: { projectId } });
    await tx.projectCatalog.createMany({
      data: attachments.map(({ codesOnly, pinnedVersion }, i) => ({
        projectId,
        position: i + 1,
        catalogId: ids[i]!,
        codesOnly,
        pinnedVersion,
      })),
    });
    const data = { catalogs: attachments.map((attachment) => attachment.slug) };
    const entry = { organizationId, actor, action: 'project.catalogs', target: String(projectId), data };
    await writeAudit(tx, entry, now);
  });
}

// The organization's own catalog hides a built-in one of the same slug.
async function catalogId(
  tx: Raw,
  organizationId: string,
  attachment: CatalogAttachment,
  index: number,
): Promise<string> {
  const { slug, pinnedVersion } = attachment;
  const rows = await tx.$queryRawUnsafe<Array<{ id: string; versions: number[] }>>(
    `SELECT c.id, ARRAY (SELECT version FROM catalog_version v WHERE v.catalog_id = c.id ORDER BY 1) AS versions
     FROM catalog c WHERE c.slug = $1::text AND (c.organization_id IS NULL OR c.organization_id = $2::uuid)
     ORDER BY c.organization_id NULLS LAST LIMIT 1`,
    slug,
    organizationId,
  );
  const found = rows[0];
  if (found === undefined || found.versions.length === 0) {
    throw new UnknownCatalogError(index, 'slug', `there is no catalog ${JSON.stringify(slug)}`);
  }
  if (pinnedVersion !== null && !found.versions.includes(pinnedVersion)) {
    const known = found.versions.join(', ');
    throw new UnknownCatalogError(
      index,
      'pinned_version',
      `the catalog ${JSON.stringify(slug)} has no version ${pinnedVersion}, only ${known}`,
    );
  }
  return found.id;
}
