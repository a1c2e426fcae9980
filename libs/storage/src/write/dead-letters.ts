import type { Storage } from '../storage.js';
import type { PrismaClient } from '../generated/client.js';

/** A whole job that could not even be read: it belongs to no project, so it is filed under 0. */
export interface LostJob {
  id: string;
  stage: 'parse' | 'queue';
  reasonCode: string;
  reason: string;
  payload: string;
  /** Milliseconds. */
  receivedAt: number;
}

/** The project under which jobs are filed that name none. */
export const NO_PROJECT = 0;

/** Files a job that cannot be digested; filing it twice changes nothing. */
export async function writeDeadLetter(storage: Storage, letter: LostJob): Promise<void> {
  await storage.db.$executeRawUnsafe(
    `WITH filed AS (
       INSERT INTO dead_letter (project_id, id, stage, reason_code, reason, payload, received_at)
       VALUES (${NO_PROJECT}, $1::uuid, $2, $3, $4, convert_to($5, 'UTF8'), to_timestamp($6::float8 / 1000))
       ON CONFLICT DO NOTHING RETURNING received_at
     )
     INSERT INTO outcome_minute (project_id, minute, outcome, reason, count)
     SELECT ${NO_PROJECT}, date_trunc('minute', received_at), 'failed', $3, 1 FROM filed
     ON CONFLICT (project_id, minute, outcome, reason) DO UPDATE SET count = outcome_minute.count + 1`,
    letter.id,
    letter.stage,
    letter.reasonCode,
    letter.reason.slice(0, 2_000),
    letter.payload,
    letter.receivedAt,
  );
}

export interface StoredLetter {
  projectId: number;
  id: string;
  stage: string;
  reasonCode: string;
  reason: string;
  payload: string;
  status: string;
  receivedAt: Date;
  createdAt: Date;
}

/** Dead letters, newest first. */
export async function listDeadLetters(
  db: PrismaClient,
  filter: { projectId?: number; ids?: readonly string[]; status?: string; limit: number },
): Promise<StoredLetter[]> {
  const rows = await db.deadLetter.findMany({
    where: {
      ...(filter.projectId === undefined ? {} : { projectId: filter.projectId }),
      ...(filter.ids === undefined ? {} : { id: { in: [...filter.ids] } }),
      ...(filter.status === undefined ? {} : { status: filter.status }),
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: filter.limit,
  });
  return rows.map((row) => ({ ...row, payload: Buffer.from(row.payload).toString('utf8') }));
}
