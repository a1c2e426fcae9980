import type { PrismaClient } from '../generated/client.js';
import type { Storage } from '../storage.js';
import { createDefaultRules } from './alerts.js';
import { SYSTEM, writeAudit } from './audit.js';
import { attachDefaultCatalogs } from './project-catalogs.js';

/** One watched API. */
export interface ProjectRecord {
  id: number;
  organizationId: string;
  slug: string;
  name: string;
  retentionDays: number;
  createdAt: Date;
}

export interface NewProject {
  organizationId: string;
  name: string;
  /** Kebab-case, unique in the organization; made from the name where it is not given. */
  slug?: string;
  /** Days that raw events are kept, 1 to 400. */
  retentionDays?: number;
  /** Who asks for it, for the audit log; Errata itself where it is not given. */
  actor?: string;
}

/** The organization already has a project of that slug. */
export class SlugTakenError extends Error {
  override readonly name = 'SlugTakenError';

  constructor(readonly slug: string) {
    super(`the organization already has a project with the slug ${JSON.stringify(slug)}`);
  }
}

/** A kebab-case slug for a name; `project` where nothing of the name can stand in one. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'project' : slug;
}

/** Finds the organization of a slug, or makes it. */
export async function ensureOrganization(
  db: PrismaClient,
  slug: string,
  name: string,
): Promise<{ id: string; slug: string; name: string }> {
  await db.$executeRawUnsafe(
    `INSERT INTO organization (id, slug, name) VALUES (gen_random_uuid(), $1::text, $2::text)
     ON CONFLICT DO NOTHING`,
    slug,
    name,
  );
  return db.organization.findUniqueOrThrow({ where: { slug }, select: { id: true, slug: true, name: true } });
}

/**
 * Makes a project together with what it needs to be useful at once: the built-in catalogs and the default
 * alert rules.
 * @throws SlugTakenError
 */
export async function createProject(
  { db }: Pick<Storage, 'db'>,
  input: NewProject,
  now: number,
): Promise<ProjectRecord> {
  const slug = input.slug ?? slugOf(input.name);
  return db.$transaction(
    async (tx) => {
      const inserted = await tx.$queryRawUnsafe<Array<{ id: number }>>(
        `INSERT INTO project (organization_id, slug, name, retention_days, created_at)
         VALUES ($1::uuid, $2::text, $3::text, $4::int, $5::timestamptz)
         ON CONFLICT DO NOTHING RETURNING id`,
        input.organizationId,
        slug,
        input.name,
        input.retentionDays ?? 30,
        new Date(now),
      );
      const id = inserted[0]?.id;
      if (id === undefined) throw new SlugTakenError(slug);
      await attachDefaultCatalogs(tx, id);
      await createDefaultRules(tx, id, now);
      const { organizationId, actor = SYSTEM } = input;
      await writeAudit(
        tx,
        { organizationId, actor, action: 'project.create', target: String(id), data: { slug } },
        now,
      );
      return tx.project.findUniqueOrThrow({ where: { id } });
    },
    { maxWait: 10_000, timeout: 20_000 },
  );
}

/** Projects of an organization, oldest first; only one of them where an id is given. */
export function listProjects(
  db: PrismaClient,
  organizationId: string,
  id?: number,
): Promise<ProjectRecord[]> {
  return db.project.findMany({
    where: { organizationId, ...(id === undefined ? {} : { id }) },
    orderBy: { id: 'asc' },
  });
}

/** A project of an organization, or undefined. */
export async function findProject(
  db: PrismaClient,
  organizationId: string,
  id: number,
): Promise<ProjectRecord | undefined> {
  return (await listProjects(db, organizationId, id))[0];
}

export interface ProjectChange {
  name?: string;
  retentionDays?: number;
}

/** Changes a project. @returns it as it is afterwards */
export async function updateProject(
  db: PrismaClient,
  target: { organizationId: string; projectId: number; actor: string },
  change: ProjectChange,
  now: number,
): Promise<ProjectRecord> {
  const { organizationId, projectId, actor } = target;
  return db.$transaction(async (tx) => {
    const project = await tx.project.update({ where: { id: projectId, organizationId }, data: change });
    const entry = {
      organizationId,
      actor,
      action: 'project.update',
      target: String(projectId),
      data: { ...change },
    };
    await writeAudit(tx, entry, now);
    return project;
  });
}
