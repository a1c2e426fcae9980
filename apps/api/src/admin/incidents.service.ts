import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '@errata/contracts';
import type { DeliveryView, IncidentView, TimelineEntry } from '@errata/contracts';
import { INCIDENT_STATES } from '@errata/core';
import type { IncidentPhase } from '@errata/core';
import type { Prisma, Storage } from '@errata/storage';
import { z } from 'zod';
import { STORAGE } from '../tokens.js';
import { readInput } from './read-input.js';

const OPEN: readonly IncidentPhase[] = INCIDENT_STATES.filter((state) => state !== 'resolved');
const ALLOWED = ['open', ...INCIDENT_STATES];

/** `?state=firing,acknowledged`, `?state=open`, or every state. */
const states = z
  .string()
  .transform((list) => list.split(',').map((state) => state.trim()))
  .refine((list) => list.every((state) => ALLOWED.includes(state)), `must be of ${ALLOWED.join(', ')}`)
  .transform((list): string[] =>
    [...new Set(list.flatMap((state): string[] => (state === 'open' ? [...OPEN] : [state])))].sort(),
  );

const listQuery = z.strictObject({
  state: states.default((): string[] => [...INCIDENT_STATES].sort()),
  limit: z.coerce.number('must be a number').int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
type ListQuery = z.output<typeof listQuery>;

const cursorContent = z.strictObject({ at: z.iso.datetime(), id: z.uuid(), states: z.string() });

export interface IncidentList {
  data: IncidentView[];
  next_cursor: string | null;
}

export interface IncidentDetail extends IncidentView {
  timeline: TimelineEntry[];
  notifications: DeliveryView[];
}

/** What happened: incidents, their timeline and who was told. */
@Injectable()
export class IncidentsService {
  constructor(@Inject(STORAGE) private readonly storage: Storage) {}

  /** Newest first, by when the breach began. @throws ApiError INVALID_PARAMETER, UNKNOWN_FILTER, INVALID_CURSOR */
  async list(projectId: number, input: unknown): Promise<IncidentList> {
    const query = readInput(listQuery, input, 'INVALID_PARAMETER', 'UNKNOWN_FILTER');
    const rows = await this.storage.db.incident.findMany({
      where: { projectId, state: { in: query.state }, ...afterCursor(query) },
      orderBy: [{ pendingAt: 'desc' }, { id: 'desc' }],
      take: query.limit + 1,
    });
    const page = rows.slice(0, query.limit);
    const last = rows.length > query.limit ? page.at(-1) : undefined;
    return { data: page.map(viewOf), next_cursor: last === undefined ? null : cursorOf(query, last) };
  }

  /** @throws ApiError INCIDENT_NOT_FOUND */
  async get(projectId: number, id: string): Promise<IncidentDetail> {
    const row = await this.find(projectId, id);
    const events = await this.storage.db.incidentEvent.findMany({
      where: { projectId, incidentId: id },
      orderBy: [{ at: 'asc' }, { id: 'asc' }],
    });
    const timeline = events.map(({ at, type, reason, actor, data }) => ({
      at: at.toISOString(),
      type,
      reason,
      actor,
      data: data as Record<string, unknown>,
    }));
    return { ...viewOf(row), timeline, notifications: await readDeliveries(this.storage, projectId, id) };
  }

  /** @throws ApiError INCIDENT_NOT_FOUND */
  async notifications(projectId: number, id: string): Promise<DeliveryView[]> {
    await this.find(projectId, id);
    return readDeliveries(this.storage, projectId, id);
  }

  private async find(projectId: number, id: string): Promise<Prisma.IncidentModel> {
    const known = z.uuid().safeParse(id).success;
    const row = known ? await this.storage.db.incident.findFirst({ where: { projectId, id } }) : null;
    if (row === null)
      throw new ApiError('INCIDENT_NOT_FOUND', `This project has no incident ${JSON.stringify(id)}.`);
    return row;
  }
}

/** Messages of an incident with every attempt, oldest first. */
export async function readDeliveries(
  storage: Storage,
  projectId: number,
  incidentId: string,
): Promise<DeliveryView[]> {
  const { db } = storage;
  const where = { projectId, incidentId };
  const messages = await db.outbox.findMany({ where, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  const outboxId = { in: messages.map((message) => message.id) };
  const attempts = await db.notification.findMany({
    where: { projectId, outboxId },
    orderBy: [{ attempt: 'asc' }, { at: 'asc' }],
  });
  const id = { in: [...new Set(messages.map((message) => message.channelId))] };
  const channels = await db.channel.findMany({ where: { projectId, id }, select: { id: true, name: true } });
  const names = new Map(channels.map((channel) => [channel.id, channel.name]));
  return messages.map((message) => ({
    id: message.id,
    channel_id: message.channelId,
    channel_name: names.get(message.channelId) ?? null,
    reason: message.reason,
    state: message.state as DeliveryView['state'],
    created_at: message.createdAt.toISOString(),
    next_attempt_at: message.state === 'pending' ? message.nextAttemptAt.toISOString() : null,
    finished_at: message.finishedAt?.toISOString() ?? null,
    attempts: attempts.filter((attempt) => attempt.outboxId === message.id).map(attemptOf),
  }));
}

function attemptOf(row: Prisma.NotificationModel): DeliveryView['attempts'][number] {
  return {
    attempt: row.attempt,
    at: row.at.toISOString(),
    outcome: row.outcome as DeliveryView['attempts'][number]['outcome'],
    response_status: row.responseStatus,
    error: row.error,
    duration_ms: row.durationMs,
  };
}

// The cursor carries the states it was made for: with others it would skip or repeat incidents.
function cursorOf({ state }: ListQuery, last: Prisma.IncidentModel): string {
  const content = { at: last.pendingAt.toISOString(), id: last.id, states: state.join() };
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

function afterCursor({ cursor, state }: ListQuery): Prisma.IncidentWhereInput {
  if (cursor === undefined) return {};
  const content = cursorContent.safeParse(decoded(cursor));
  if (!content.success || content.data.states !== state.join()) {
    throw new ApiError(
      'INVALID_CURSOR',
      'cursor: take it unchanged from next_cursor, and keep the same state filter.',
      {
        errors: [{ field: 'cursor', message: 'was not issued for this list' }],
      },
    );
  }
  const { at, id } = content.data;
  return { OR: [{ pendingAt: { lt: at } }, { pendingAt: at, id: { lt: id } }] };
}

function decoded(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

const iso = (at: Date | null) => at?.toISOString() ?? null;

function viewOf(row: Prisma.IncidentModel): IncidentView {
  return {
    id: row.id,
    rule_id: row.ruleId,
    state: row.state as IncidentPhase,
    severity: row.severity,
    labels: row.labels as Record<string, unknown>,
    value: row.value,
    peak: row.peak,
    pending_at: row.pendingAt.toISOString(),
    fired_at: iso(row.firedAt),
    acknowledged_at: iso(row.acknowledgedAt),
    acknowledged_by: row.acknowledgedBy,
    snoozed_until: iso(row.snoozedUntil),
    resolved_at: iso(row.resolvedAt),
    last_breach_at: row.lastBreachAt.toISOString(),
    last_notified_at: iso(row.lastNotifiedAt),
  };
}
