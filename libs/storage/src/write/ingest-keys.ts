import { randomBytes } from 'node:crypto';
import { uuidV7 } from '@errata/platform';
import type { PrismaClient } from '../generated/client.js';
import type { Storage } from '../storage.js';
import { SYSTEM, writeAudit } from './audit.js';

/** A write-only key, as listed. The key is public: it may sit in a browser. */
export interface IngestKeyRecord {
  projectId: number;
  id: string;
  publicKey: string;
  label: string;
  multiTenant: boolean;
  ratePerSecond: number;
  burst: number;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

export interface NewIngestKey extends KeySettings {
  projectId: number;
  /** Who asks for it, for the audit log; Errata itself where it is not given. */
  actor?: string;
}

export interface KeySettings {
  label?: string;
  /** True where every event must name its tenant. */
  multiTenant?: boolean;
  /** Events a second, sustained. */
  ratePerSecond?: number;
  /** Events at once. */
  burst?: number;
}

/** Which key of whose project, and who asks. */
export interface KeyTarget {
  organizationId: string;
  projectId: number;
  actor: string;
}

/** The address that a client is set up with: `https://<key>@<host>/<project>`. */
export function dsnOf(publicUrl: string, publicKey: string, projectId: number): string {
  const url = new URL(publicUrl);
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.protocol}//${publicKey}@${url.host}${path}/${projectId}`;
}

/** Makes an ingest key of 128 random bits. */
export async function createIngestKey(
  { db }: Pick<Storage, 'db'>,
  input: NewIngestKey,
  now: number,
): Promise<IngestKeyRecord> {
  const { projectId, actor = SYSTEM, ...settings } = input;
  return db.$transaction(async (tx) => {
    const { organizationId } = await tx.project.findUniqueOrThrow({ where: { id: projectId } });
    const key = await tx.ingestKey.create({ data: newKey(projectId, settings, now) });
    await writeAudit(tx, auditOf({ organizationId, projectId, actor }, 'ingest_key.create', key.id), now);
    return key;
  });
}

const newKey = (projectId: number, settings: KeySettings, now: number) => ({
  ...settings,
  projectId,
  id: uuidV7(now),
  publicKey: randomBytes(16).toString('hex'),
  createdAt: new Date(now),
});

const auditOf = ({ organizationId, actor }: KeyTarget, action: string, target: string) => ({
  organizationId,
  actor,
  action,
  target,
});

/** Keys of a project, oldest first, with those that have ended. */
export function listIngestKeys(db: PrismaClient, projectId: number): Promise<IngestKeyRecord[]> {
  return db.ingestKey.findMany({ where: { projectId }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
}

/** What became of a rotation: there may be no such key, or one that no longer works. */
export type Rotation =
  { done: true; created: IngestKeyRecord; replaced: IngestKeyRecord } | { done: false; ended: boolean };

/**
 * Makes a new key like an old one, which goes on working for a while.
 * @param graceSeconds how long; 0 ends the old key at once
 */
export async function rotateIngestKey(
  db: PrismaClient,
  target: KeyTarget,
  keyId: string,
  graceSeconds: number,
  now: number,
): Promise<Rotation> {
  const { projectId } = target;
  return db.$transaction(async (tx) => {
    await tx.$queryRawUnsafe(
      `SELECT 1 FROM ingest_key WHERE project_id = $1::int AND id = $2::uuid FOR UPDATE`,
      projectId,
      keyId,
    );
    const old = await tx.ingestKey.findUnique({ where: { projectId_id: { projectId, id: keyId } } });
    if (old === null) return { done: false, ended: false };
    if (old.revokedAt !== null || (old.expiresAt !== null && old.expiresAt.getTime() <= now)) {
      return { done: false, ended: true };
    }
    const { label, multiTenant, ratePerSecond, burst } = old;
    const created = await tx.ingestKey.create({
      data: newKey(projectId, { label, multiTenant, ratePerSecond, burst }, now),
    });
    // An old key that is already on its way out keeps the earlier end.
    const end = Math.min(now + graceSeconds * 1000, old.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
    const replaced = await tx.ingestKey.update({
      where: { projectId_id: { projectId, id: keyId } },
      data: { expiresAt: new Date(end) },
    });
    const data = { new_key: created.id, grace_seconds: graceSeconds };
    await writeAudit(tx, { ...auditOf(target, 'ingest_key.rotate', keyId), data }, now);
    return { done: true, created, replaced };
  });
}

/** Ends a key at once and for good. @returns false where the project has no such key */
export async function revokeIngestKey(
  db: PrismaClient,
  target: KeyTarget,
  keyId: string,
  now: number,
): Promise<boolean> {
  const { projectId } = target;
  return db.$transaction(async (tx) => {
    const known = await tx.ingestKey.count({ where: { projectId, id: keyId } });
    if (known === 0) return false;
    const revoked = await tx.ingestKey.updateMany({
      where: { projectId, id: keyId, revokedAt: null },
      data: { revokedAt: new Date(now) },
    });
    if (revoked.count > 0) await writeAudit(tx, auditOf(target, 'ingest_key.revoke', keyId), now);
    return true;
  });
}

/** What the edge needs to know about a key to take events for it. */
export interface FoundIngestKey {
  projectId: number;
  keyId: string;
  organizationId: string;
  multiTenant: boolean;
  ratePerSecond: number;
  burst: number;
  retentionDays: number;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/** Looks a key up by its public text; ended ones are found too, so that their sender can be told. */
export async function findIngestKey(
  db: PrismaClient,
  publicKey: string,
): Promise<FoundIngestKey | undefined> {
  if (!/^[0-9a-f]{32}$/.test(publicKey)) return undefined;
  const key = await db.ingestKey.findUnique({
    where: { publicKey },
    include: { project: { select: { organizationId: true, retentionDays: true } } },
  });
  if (key === null) return undefined;
  const { projectId, id, multiTenant, ratePerSecond, burst, expiresAt, revokedAt, project } = key;
  return { projectId, keyId: id, ...project, multiTenant, ratePerSecond, burst, expiresAt, revokedAt };
}
