import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { uuidV7 } from '@errata/platform';
import type { PrismaClient } from '../generated/client.js';
import type { Storage } from '../storage.js';
import { SYSTEM, writeAudit } from './audit.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_CHARACTERS = 30;
const CHECKSUM_CHARACTERS = 6;
const FORMAT = /^(errata_[0-9A-Za-z]{30})_([0-9A-Za-z]{6})$/;

/** A fresh token: a prefix that scanners know, 178 random bits, and a checksum that tells typos from tokens. */
export function newTokenText(): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(62)]).join('');
  const body = `errata_${random}`;
  return `${body}_${checksumOf(body)}`;
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    text = BASE62[rest % 62]! + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** Whether a text can be a token at all: no query is spent on one that cannot. */
export function isTokenText(text: string): boolean {
  const parts = FORMAT.exec(text);
  return parts !== null && checksumOf(parts[1]!) === parts[2];
}

const hashOf = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());

/** An API token, as listed: never the token itself. */
export interface ApiTokenRecord {
  id: string;
  organizationId: string;
  /** Null where it sees every project of the organization. */
  projectId: number | null;
  name: string;
  lastFour: string;
  scopes: string[];
  /** Set where it sees the events of one tenant only. */
  tenant: string | null;
  requestsPerMinute: number;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export interface NewApiToken {
  organizationId: string;
  projectId?: number | null;
  name: string;
  scopes: readonly string[];
  tenant?: string | null;
  requestsPerMinute?: number;
  expiresAt?: Date | null;
  /** Who asks for it, for the audit log; Errata itself where it is not given. */
  actor?: string;
}

const LISTED = {
  id: true,
  organizationId: true,
  projectId: true,
  name: true,
  lastFour: true,
  scopes: true,
  tenant: true,
  requestsPerMinute: true,
  createdAt: true,
  expiresAt: true,
  lastUsedAt: true,
  revokedAt: true,
} as const;

/** Makes an API token. Only its hash is stored: the text returned here is shown once or lost. */
export async function createApiToken(
  { db }: Pick<Storage, 'db'>,
  input: NewApiToken,
  now: number,
): Promise<{ token: string; record: ApiTokenRecord }> {
  const { actor = SYSTEM, scopes, ...rest } = input;
  const token = newTokenText();
  const record = await db.$transaction(async (tx) => {
    const created = await tx.apiToken.create({
      data: {
        ...rest,
        id: uuidV7(now),
        scopes: [...scopes],
        tokenHash: hashOf(token),
        lastFour: token.slice(-4),
        createdAt: new Date(now),
      },
      select: LISTED,
    });
    const { organizationId, id } = created;
    await writeAudit(
      tx,
      {
        organizationId,
        actor,
        action: 'api_token.create',
        target: id,
        data: {
          name: created.name,
          scopes: created.scopes,
          project_id: created.projectId,
          tenant: created.tenant,
        },
      },
      now,
    );
    return created;
  });
  return { token, record };
}

/** Tokens of an organization, oldest first, with those that have ended; only one project's where it is given. */
export function listApiTokens(
  db: PrismaClient,
  organizationId: string,
  projectId?: number,
): Promise<ApiTokenRecord[]> {
  return db.apiToken.findMany({
    where: { organizationId, ...(projectId === undefined ? {} : { projectId }) },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    select: LISTED,
  });
}

/**
 * Ends a token at once and for good.
 * @param target.projectId narrows the search to the tokens of one project
 * @returns false where there is no such token
 */
export async function revokeApiToken(
  db: PrismaClient,
  target: { organizationId: string; projectId?: number; tokenId: string; actor: string },
  now: number,
): Promise<boolean> {
  const { organizationId, projectId, tokenId, actor } = target;
  const where = { id: tokenId, organizationId, ...(projectId === undefined ? {} : { projectId }) };
  return db.$transaction(async (tx) => {
    if ((await tx.apiToken.count({ where })) === 0) return false;
    const revoked = await tx.apiToken.updateMany({
      where: { ...where, revokedAt: null },
      data: { revokedAt: new Date(now) },
    });
    const entry = { organizationId, actor, action: 'api_token.revoke', target: tokenId };
    if (revoked.count > 0) await writeAudit(tx, entry, now);
    return true;
  });
}

/** What the edge needs to know about a token to answer its requests. */
export interface FoundApiToken {
  tokenId: string;
  organizationId: string;
  projectId: number | null;
  scopes: string[];
  tenant: string | null;
  requestsPerMinute: number;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/**
 * Looks a token up by its text, and notes at most once a minute that it was used. Ended ones are found
 * too, so that their bearer can be told.
 */
export async function findApiToken(db: PrismaClient, text: string): Promise<FoundApiToken | undefined> {
  if (!isTokenText(text)) return undefined;
  const rows = await db.$queryRawUnsafe<Array<FoundApiToken & { stale: boolean }>>(
    `SELECT id AS "tokenId", organization_id AS "organizationId", project_id AS "projectId", scopes, tenant,
       requests_per_minute AS "requestsPerMinute", expires_at AS "expiresAt", revoked_at AS "revokedAt",
       revoked_at IS NULL AND coalesce(last_used_at < now() - interval '1 minute', true) AS stale
     FROM api_token WHERE token_hash = $1::bytea`,
    hashOf(text),
  );
  if (rows[0] === undefined) return undefined;
  const { stale, ...token } = rows[0];
  if (stale) {
    await db.$executeRawUnsafe(
      `UPDATE api_token SET last_used_at = now() WHERE id = $1::uuid`,
      token.tokenId,
    );
  }
  return token;
}
