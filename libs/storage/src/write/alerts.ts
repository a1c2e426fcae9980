import {
  FILTER_DIMENSIONS,
  GROUP_DIMENSIONS,
  LATEST_ARRIVAL,
  MINUTE,
  RULE_KINDS,
  defaultRules,
  toRfc3339,
} from '@errata/core';
import type {
  AlertRule,
  FilterDimension,
  IncidentNote,
  IncidentPhase,
  IncidentState,
  OpenIncident,
  RuleFilters,
  Severity,
} from '@errata/core';
import { uuidV7 } from '@errata/platform';
import type { Prisma, PrismaClient } from '../generated/client.js';

/** A client or a transaction of it. */
export type Sql = Pick<Prisma.TransactionClient, '$queryRawUnsafe' | '$executeRawUnsafe'>;

// First half of the advisory lock; the second is the project.
const LOCK_CLASS = 0x616c7274;

/**
 * Runs one evaluation of a project in a transaction that no other replica can overlap: whoever comes
 * second sees the incidents of the first and pages nobody again.
 */
export async function withAlertLock<T>(
  db: PrismaClient,
  projectId: number,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  return db.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe('SELECT pg_advisory_xact_lock($1::int, $2::int)', LOCK_CLASS, projectId);
      return work(tx);
    },
    { maxWait: 10_000, timeout: 25_000 },
  );
}

/**
 * Runs a part of a transaction that may fail alone: what it wrote is taken back, the rest goes on.
 * @throws what the database throws where the transaction itself is lost
 */
export async function inSavepoint(
  sql: Sql,
  work: () => Promise<void>,
): Promise<{ error: unknown } | undefined> {
  await sql.$executeRawUnsafe('SAVEPOINT part');
  try {
    await work();
  } catch (error) {
    await sql.$executeRawUnsafe('ROLLBACK TO SAVEPOINT part');
    return { error };
  }
  await sql.$executeRawUnsafe('RELEASE SAVEPOINT part');
  return undefined;
}

interface RuleRow {
  id: string;
  name: string;
  kind: AlertRule['kind'];
  enabled: boolean;
  filters: Record<string, unknown>;
  group_by: string[];
  params: { threshold?: number; window_seconds: number };
  for_seconds: number;
  resolve_after_seconds: number;
  severity: Severity;
  labels: Record<string, string>;
  runbook_url: string | null;
  channel_ids: string[] | null;
  created_at: Date;
}

/** The rules of a project, of the kinds that this release evaluates. */
export async function readAlertRules(sql: Sql, projectId: number): Promise<AlertRule[]> {
  const rows = await sql.$queryRawUnsafe<RuleRow[]>(
    `SELECT id, name, kind, enabled, filters, group_by, params, for_seconds, resolve_after_seconds, severity,
       labels, runbook_url, channel_ids, created_at
     FROM alert_rule WHERE project_id = $1::int AND kind = ANY ($2::text[]) ORDER BY id`,
    projectId,
    [...RULE_KINDS],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    kind: row.kind,
    enabled: row.enabled,
    filters: filtersOf(row.filters),
    groupBy: GROUP_DIMENSIONS.filter((name) => row.group_by.includes(name)),
    params: {
      windowSeconds: row.params.window_seconds,
      ...(row.params.threshold === undefined ? {} : { threshold: row.params.threshold }),
    },
    forSeconds: row.for_seconds,
    resolveAfterSeconds: row.resolve_after_seconds,
    severity: row.severity,
    labels: row.labels,
    createdAt: row.created_at.getTime(),
    ...(row.runbook_url === null ? {} : { runbookUrl: row.runbook_url }),
    // An empty list and NULL are the same to the Prisma client, hence to us: every channel.
    ...(row.channel_ids === null || row.channel_ids.length === 0 ? {} : { channelIds: row.channel_ids }),
  }));
}

/** Filters as stored, each a value or a list of them, as lists of text. */
function filtersOf(stored: Record<string, unknown>): RuleFilters {
  const known = FILTER_DIMENSIONS.filter((name) => stored[name] !== undefined);
  return Object.fromEntries(
    known.map((name): [FilterDimension, string[]] => [name, [stored[name]].flat().map(String)]),
  );
}

interface IncidentRow {
  id: string;
  rule_id: string;
  group_key: string;
  labels: Record<string, string>;
  severity: Severity;
  state: IncidentPhase;
  pending_at: Date;
  fired_at: Date | null;
  acknowledged_at: Date | null;
  snoozed_until: Date | null;
  last_breach_at: Date;
  value: number;
  peak: number;
}

/** The incidents of a project that are not resolved, locked against changes until the transaction ends. */
export async function readOpenIncidents(sql: Sql, projectId: number): Promise<OpenIncident[]> {
  const rows = await sql.$queryRawUnsafe<IncidentRow[]>(
    `SELECT id, rule_id, group_key, labels, severity, state, pending_at, fired_at, acknowledged_at,
       snoozed_until, last_breach_at, value, peak
     FROM incident WHERE project_id = $1::int AND state <> 'resolved' ORDER BY id FOR UPDATE`,
    projectId,
  );
  return rows.map((row) => ({
    id: row.id,
    ruleId: row.rule_id,
    groupKey: row.group_key,
    labels: row.labels,
    severity: row.severity,
    state: stateOf(row),
  }));
}

function stateOf(row: IncidentRow): IncidentState {
  const state: IncidentState = {
    phase: row.state,
    pendingAt: row.pending_at.getTime(),
    lastBreachAt: row.last_breach_at.getTime(),
    value: row.value,
    peak: row.peak,
  };
  if (row.fired_at !== null) state.firedAt = row.fired_at.getTime();
  if (row.acknowledged_at !== null) state.acknowledgedAt = row.acknowledged_at.getTime();
  if (row.snoozed_until !== null) state.snoozedUntil = row.snoozed_until.getTime();
  return state;
}

/** What the timeline keeps of the series behind a transition, so that a resolve can name it again. */
export interface NoteData {
  lastAt?: number;
  code?: string;
  tenant?: string;
  classId?: number;
}

/** One incident as it is after a decision. */
export interface IncidentWrite {
  id: string;
  ruleId: string;
  groupKey: string;
  labels: Record<string, string>;
  severity: Severity;
  /** Undefined: it is taken back, with its timeline. */
  next: IncidentState | undefined;
  /** When it was last notified of, where it is now. */
  notifiedAt?: number;
  events: Array<IncidentNote & { data: NoteData }>;
}

/** Writes incidents and their timeline. Call it under {@link withAlertLock}. */
export async function writeIncidents(
  sql: Sql,
  projectId: number,
  writes: readonly IncidentWrite[],
  now: number,
): Promise<void> {
  const kept = writes.filter((write) => write.next !== undefined);
  const gone = writes.filter((write) => write.next === undefined).map((write) => write.id);
  if (gone.length > 0) await deleteIncidents(sql, projectId, gone);
  if (kept.length === 0) return;
  await sql.$executeRawUnsafe(UPSERT, projectId, JSON.stringify(kept.map(rowOf)), toRfc3339(now));
  const events = kept.flatMap((write) => write.events.map((event) => eventRow(write.id, event)));
  if (events.length === 0) return;
  await sql.$executeRawUnsafe(
    `INSERT INTO incident_event (project_id, incident_id, id, at, type, reason, data)
     SELECT $1::int, x.* FROM jsonb_to_recordset($2::jsonb) AS x (incident_id uuid, id uuid, at timestamptz,
       type text, reason text, data jsonb)`,
    projectId,
    JSON.stringify(events),
  );
}

const UPSERT = `
INSERT INTO incident (project_id, id, rule_id, group_key, labels, severity, state, pending_at, fired_at,
  resolved_at, last_breach_at, last_notified_at, value, peak, updated_at)
SELECT $1::int, x.*, $3::timestamptz FROM jsonb_to_recordset($2::jsonb) AS x (id uuid, rule_id uuid,
  group_key text, labels jsonb, severity text, state text, pending_at timestamptz, fired_at timestamptz,
  resolved_at timestamptz, last_breach_at timestamptz, last_notified_at timestamptz, value float8, peak float8)
ON CONFLICT (project_id, id) DO UPDATE SET state = excluded.state, fired_at = excluded.fired_at,
  resolved_at = excluded.resolved_at, last_breach_at = excluded.last_breach_at,
  last_notified_at = coalesce(excluded.last_notified_at, incident.last_notified_at),
  value = excluded.value, peak = excluded.peak, updated_at = excluded.updated_at`;

function rowOf(write: IncidentWrite) {
  const next = write.next!;
  return {
    id: write.id,
    rule_id: write.ruleId,
    group_key: write.groupKey,
    labels: write.labels,
    severity: write.severity,
    state: next.phase,
    pending_at: toRfc3339(next.pendingAt),
    fired_at: timeOrNull(next.firedAt),
    resolved_at: timeOrNull(next.resolvedAt),
    last_breach_at: toRfc3339(next.lastBreachAt),
    last_notified_at: timeOrNull(write.notifiedAt),
    value: next.value,
    peak: next.peak,
  };
}

function eventRow(incidentId: string, event: IncidentNote & { data: NoteData }) {
  const { at, type, reason, value, data } = event;
  return {
    incident_id: incidentId,
    id: uuidV7(at),
    at: toRfc3339(at),
    type,
    reason,
    data: { ...data, value },
  };
}

const timeOrNull = (at: number | undefined) => (at === undefined ? null : toRfc3339(at));

async function deleteIncidents(sql: Sql, projectId: number, ids: string[]): Promise<void> {
  await sql.$executeRawUnsafe(
    `WITH notes AS (DELETE FROM incident_event WHERE project_id = $1::int AND incident_id = ANY ($2::uuid[]))
     DELETE FROM incident WHERE project_id = $1::int AND id = ANY ($2::uuid[])`,
    projectId,
    ids,
  );
}

/** What was kept when an incident fired. */
export async function readFiredNote(sql: Sql, projectId: number, incidentId: string): Promise<NoteData> {
  const rows = await sql.$queryRawUnsafe<Array<{ data: NoteData }>>(
    `SELECT data FROM incident_event WHERE project_id = $1::int AND incident_id = $2::uuid AND type = 'fired'
     ORDER BY at DESC LIMIT 1`,
    projectId,
    incidentId,
  );
  return rows[0]?.data ?? {};
}

// Older data than this cannot open an incident of a threshold rule that no evaluation has seen yet.
const RECENT = 15 * MINUTE;

/**
 * Projects that an evaluation can change: open incidents, or enabled rules and counts that are recent
 * enough for their kind.
 */
export async function projectsToEvaluate(sql: Sql, now: number): Promise<number[]> {
  const rows = await sql.$queryRawUnsafe<Array<{ id: number }>>(
    `SELECT p.id FROM project p
     WHERE EXISTS (SELECT 1 FROM incident i WHERE i.project_id = p.id AND i.state <> 'resolved')
       OR EXISTS (SELECT 1 FROM alert_rule r WHERE r.project_id = p.id AND r.enabled
         AND EXISTS (SELECT 1 FROM error_rollup_minute m WHERE m.project_id = p.id
           AND m.minute > CASE r.kind WHEN 'never' THEN $2::timestamptz ELSE $1::timestamptz END))
     ORDER BY p.id`,
    toRfc3339(now - RECENT),
    toRfc3339(now - LATEST_ARRIVAL - MINUTE),
  );
  return rows.map((row) => row.id);
}

/** Gives a new project the rules that every project starts with. Does nothing where it has them. */
export async function createDefaultRules(db: Sql, projectId: number, now: number): Promise<void> {
  for (const rule of defaultRules()) {
    await db.$executeRawUnsafe(
      `INSERT INTO alert_rule (project_id, id, name, kind, filters, group_by, params, for_seconds,
         resolve_after_seconds, severity, origin, created_at, updated_at)
       SELECT $1::int, $2::uuid, $3::text, $4::text, $5::jsonb, $6::text[], $7::jsonb, $8::int, $9::int, $10::text,
         'default', $11::timestamptz, $11::timestamptz
       WHERE NOT EXISTS (SELECT 1 FROM alert_rule
         WHERE project_id = $1::int AND origin = 'default' AND name = $3::text)`,
      projectId,
      uuidV7(now),
      rule.name,
      rule.kind,
      JSON.stringify(rule.filters),
      rule.groupBy,
      JSON.stringify({ window_seconds: rule.params.windowSeconds }),
      rule.forSeconds,
      rule.resolveAfterSeconds,
      rule.severity,
      toRfc3339(now),
    );
  }
}
