import { toRfc3339 } from '@errata/core';
import type { AlertMessage, NotifyReason } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import type { PrismaClient } from '../generated/client.js';
import type { Sql } from './alerts.js';

/** Why a message is in the outbox; `test` is a person trying a channel. */
export type OutboxReason = NotifyReason | 'test';

/** One message to one channel. Its id is the idempotency key that every attempt carries. */
export interface OutboxMessage {
  id: string;
  incidentId: string;
  channelId: string;
  reason: OutboxReason;
  payload: AlertMessage | { type: string; timestamp: string; data: unknown };
}

/** Puts messages into the outbox, in the transaction of what they tell. */
export async function addToOutbox(
  sql: Sql,
  projectId: number,
  messages: readonly OutboxMessage[],
  now: number,
): Promise<void> {
  if (messages.length === 0) return;
  await sql.$executeRawUnsafe(
    `INSERT INTO outbox (project_id, id, incident_id, channel_id, reason, payload, created_at, next_attempt_at)
     SELECT $1::int, x.id, x."incidentId", x."channelId", x.reason, x.payload, $3::timestamptz, $3::timestamptz
     FROM jsonb_to_recordset($2::jsonb) AS x (id uuid, "incidentId" uuid, "channelId" uuid, reason text, payload jsonb)`,
    projectId,
    JSON.stringify(messages),
    toRfc3339(now),
  );
}

/**
 * Channels that hear of an incident: of a new one, those of the rule that are enabled; of a resolved
 * one, those that were told of it, so that nobody hears an end without a beginning.
 * @param wanted the rule's channels; undefined is every enabled channel of the project
 */
export async function channelsToNotify(
  sql: Sql,
  projectId: number,
  reason: NotifyReason,
  incidentId: string,
  wanted: readonly string[] | undefined,
): Promise<string[]> {
  const rows = await sql.$queryRawUnsafe<Array<{ id: string }>>(
    `SELECT id FROM channel c
     WHERE project_id = $1::int AND enabled AND CASE WHEN $2::text = 'fired'
       THEN $4::uuid[] IS NULL OR id = ANY ($4::uuid[])
       ELSE EXISTS (SELECT 1 FROM outbox o WHERE o.project_id = c.project_id AND o.incident_id = $3::uuid
         AND o.channel_id = c.id AND o.reason = 'fired') END
     ORDER BY id`,
    projectId,
    reason,
    incidentId,
    wanted === undefined ? null : [...wanted],
  );
  return rows.map((row) => row.id);
}

/** A message that this process may send until its lease ends. */
export interface ClaimedMessage {
  projectId: number;
  id: string;
  incidentId: string;
  channelId: string;
  reason: OutboxReason;
  payload: unknown;
  /** Attempts recorded so far. */
  attempts: number;
  /** Undefined where the channel was deleted. */
  channel?: { kind: string; config: unknown; secret?: Uint8Array; enabled: boolean };
}

interface ClaimRow {
  project_id: number;
  id: string;
  incident_id: string;
  channel_id: string;
  reason: OutboxReason;
  payload: unknown;
  attempts: number;
  kind: string | null;
  config: unknown;
  secret: Uint8Array | null;
  enabled: boolean | null;
}

/**
 * Claims messages that are due, by moving their next attempt to the end of a lease: if this process
 * dies while it sends, another takes the message over, with the same id.
 *
 * A message waits while an earlier one of the same incident and channel is pending, so that no
 * channel hears "resolved" before "firing".
 */
export async function claimDue(
  sql: Sql,
  options: { now: number; leaseMs: number; limit: number },
): Promise<ClaimedMessage[]> {
  const rows = await sql.$queryRawUnsafe<ClaimRow[]>(
    CLAIM,
    toRfc3339(options.now),
    options.leaseMs,
    options.limit,
  );
  return rows.map((row) => ({
    projectId: row.project_id,
    id: row.id,
    incidentId: row.incident_id,
    channelId: row.channel_id,
    reason: row.reason,
    payload: row.payload,
    attempts: row.attempts,
    ...(row.kind === null
      ? {}
      : {
          channel: {
            kind: row.kind,
            config: row.config,
            enabled: row.enabled === true,
            ...(row.secret === null ? {} : { secret: row.secret }),
          },
        }),
  }));
}

const CLAIM = `
WITH due AS (
  SELECT project_id, id FROM outbox o
  WHERE state = 'pending' AND next_attempt_at <= $1::timestamptz AND NOT EXISTS (
    SELECT 1 FROM outbox earlier
    WHERE earlier.state = 'pending' AND earlier.project_id = o.project_id
      AND earlier.incident_id = o.incident_id AND earlier.channel_id = o.channel_id
      AND (earlier.created_at, earlier.id) < (o.created_at, o.id))
  ORDER BY next_attempt_at LIMIT $3::int FOR UPDATE SKIP LOCKED
),
claimed AS (
  UPDATE outbox o SET next_attempt_at = $1::timestamptz + make_interval(secs => $2::float8 / 1000)
  FROM due WHERE o.project_id = due.project_id AND o.id = due.id
  RETURNING o.*
)
SELECT o.project_id, o.id, o.incident_id, o.channel_id, o.reason, o.payload, o.attempts,
  c.kind, c.config, c.secret, c.enabled
FROM claimed o LEFT JOIN channel c ON c.project_id = o.project_id AND c.id = o.channel_id
ORDER BY o.created_at, o.id`;

/** What one attempt came to. */
export interface AttemptRecord {
  outcome: 'delivered' | 'retry' | 'failed';
  at: number;
  durationMs: number;
  responseStatus?: number;
  error?: string;
  /** Milliseconds; set exactly for `retry`. */
  nextAttemptAt?: number;
  /** Switches the channel off, with this reason. */
  disableChannel?: string;
}

/**
 * Logs an attempt and moves the message on, in one transaction.
 *
 * Two processes may both have sent a message whose lease ran out: a delivery counts whoever made it,
 * and a failure only where nobody recorded anything since the claim.
 */
export async function recordAttempt(
  db: PrismaClient,
  message: ClaimedMessage,
  record: AttemptRecord,
): Promise<void> {
  const { projectId, id, incidentId, channelId, attempts } = message;
  const next = record.nextAttemptAt === undefined ? null : toRfc3339(record.nextAttemptAt);
  await db.$transaction(async (tx) => {
    await tx.$executeRawUnsafe(
      `INSERT INTO notification (project_id, id, outbox_id, incident_id, channel_id, attempt, at, outcome,
         response_status, error, duration_ms, next_attempt_at)
       VALUES ($1::int, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::int, $7::timestamptz, $8::text, $9::int,
         $10::text, $11::int, $12::timestamptz)`,
      projectId,
      uuidV7(record.at),
      id,
      incidentId,
      channelId,
      attempts + 1,
      toRfc3339(record.at),
      record.outcome,
      record.responseStatus ?? null,
      record.error ?? null,
      Math.round(record.durationMs),
      next,
    );
    await tx.$executeRawUnsafe(RECORD, projectId, id, record.outcome, attempts, next, toRfc3339(record.at));
    if (record.disableChannel === undefined) return;
    await tx.$executeRawUnsafe(
      `UPDATE channel SET enabled = false, disabled_reason = $3::text, updated_at = $4::timestamptz
       WHERE project_id = $1::int AND id = $2::uuid AND enabled`,
      projectId,
      channelId,
      record.disableChannel,
      toRfc3339(record.at),
    );
  });
}

const RECORD = `
UPDATE outbox SET attempts = attempts + 1,
  state = CASE $3::text WHEN 'retry' THEN 'pending' ELSE $3::text END,
  next_attempt_at = coalesce($5::timestamptz, next_attempt_at),
  finished_at = CASE WHEN $3::text <> 'retry' THEN $6::timestamptz END
WHERE project_id = $1::int AND id = $2::uuid AND state = 'pending'
  AND ($3::text = 'delivered' OR attempts = $4::int)`;
