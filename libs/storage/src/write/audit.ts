import { uuidV7 } from '@errata/platform';
import type { PrismaClient } from '../generated/client.js';

/** The actor of what Errata does by itself, e.g. at its first start. */
export const SYSTEM = 'system';

/** One change that somebody made: who, what, to what. Secrets never go into `data`. */
export interface AuditEntry {
  organizationId: string;
  /** E.g. `token:0198…`, or {@link SYSTEM}. */
  actor: string;
  /** Noun and verb, e.g. `ingest_key.rotate`. */
  action: string;
  target: string;
  data?: Record<string, string | number | boolean | null | readonly string[]>;
}

/** Adds a row to the audit log; call it in the transaction of the change itself. */
export async function writeAudit(
  db: Pick<PrismaClient, 'auditLog'>,
  entry: AuditEntry,
  now: number,
): Promise<void> {
  const { data, ...rest } = entry;
  await db.auditLog.create({
    data: { ...rest, id: uuidV7(now), at: new Date(now), data: { ...data } as Record<string, string> },
  });
}
