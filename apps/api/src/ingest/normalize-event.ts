import { WIRE_FIELDS, wireEvent } from '@errata/contracts';
import type { WireEvent } from '@errata/contracts';
import { DAY, MINUTE, cleanJson } from '@errata/core';
import type { ErrorEvent, EventResponse } from '@errata/core';
import { normalizeUuid, uuidV7Time } from '@errata/platform';

/** What the edge knows about the sender of an event. */
export interface Sender {
  multiTenant: boolean;
  retentionDays: number;
}

/** Why one event cannot be taken; its neighbours still can. */
export interface Rejection {
  code: string;
  message: string;
  field?: string;
}

export type Normalized =
  | { ok: true; event: Omit<ErrorEvent, 'eventId'> & { eventId: string | undefined } }
  | ({ ok: false } & Rejection);

/** How far a client's clock may run ahead. */
export const MAX_AHEAD = 10 * MINUTE;

/**
 * Turns one event from the wire into the event that travels in the queue: repaired, scrubbed of
 * secrets, validated, with its identity fixed. Pure.
 * @param raw what JSON.parse gave
 * @param now milliseconds; the time of receipt
 */
export function normalizeEvent(raw: unknown, sender: Sender, now: number): Normalized {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return reject(
      'INVALID_EVENT',
      `must be an object with fields such as error, tenant and timestamp, not ${kindOf(raw)}`,
    );
  }
  const cleaned = cleanJson(raw);
  const parsed = wireEvent.safeParse(cleaned.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return reject('INVALID_EVENT', issue.message, issue.path.join('.') || undefined);
  }
  const wire = parsed.data;
  const refused = refusal(wire, sender);
  if (refused !== undefined) return refused;
  const eventId = wire.event_id === undefined ? undefined : normalizeUuid(wire.event_id);
  const occurred = occurredAt(wire.timestamp, eventId, sender, now);
  if (typeof occurred === 'string') return reject('INVALID_EVENT', occurred, 'timestamp');
  const outside = outsideWindow(occurred.at, sender, now);
  if (outside !== undefined) return reject('TIMESTAMP_OUT_OF_WINDOW', outside, 'timestamp');
  const unknown = unknownFields(raw as Record<string, unknown>, cleaned.value as Record<string, unknown>);
  return {
    ok: true,
    event: eventOf(wire, eventId, occurred, [...cleaned.notes, ...unknown.notes], unknown.values),
  };
}

function refusal(wire: WireEvent, sender: Sender): Normalized | undefined {
  if (sender.multiTenant && (wire.tenant ?? '').trim() === '') {
    return reject(
      'TENANT_REQUIRED',
      'this ingest key is multi-tenant, so every event must name its tenant',
      'tenant',
    );
  }
  if (!saysSomething(wire)) {
    return reject('INVALID_EVENT', 'needs at least one of error, http.status or response', 'error');
  }
  if (wire.event_id !== undefined && normalizeUuid(wire.event_id) === undefined) {
    return reject('INVALID_EVENT', 'must be a UUID: 32 hex digits, with or without dashes', 'event_id');
  }
  return undefined;
}

function reject(code: string, message: string, field?: string): Normalized {
  return { ok: false, code, message, ...(field === undefined ? {} : { field }) };
}

function kindOf(raw: unknown): string {
  return raw === null ? 'null' : Array.isArray(raw) ? 'an array' : `a ${typeof raw}`;
}

function saysSomething(wire: WireEvent): boolean {
  const { error, http, response } = wire;
  return (
    error?.code !== undefined ||
    error?.message !== undefined ||
    error?.type !== undefined ||
    http?.status !== undefined ||
    (response !== undefined && (response.status !== undefined || response.body !== undefined))
  );
}

interface Occurred {
  at: number;
  timeless: boolean;
}

/** Seconds from 2001 to 5138; a number past that is taken for milliseconds. */
const LARGEST_SECONDS = 1e11;

function occurredAt(
  timestamp: string | number | undefined,
  eventId: string | undefined,
  sender: Sender,
  now: number,
): Occurred | string {
  if (timestamp === undefined || timestamp === '') {
    // A UUIDv7 holds the time at which the client made it, so a resend says the same. The client never
    // claimed it as the event's time, so one of a wrong clock is passed over, not refused.
    const made = eventId === undefined ? undefined : uuidV7Time(eventId);
    if (made !== undefined && outsideWindow(made, sender, now) === undefined)
      return { at: made, timeless: false };
    return { at: now, timeless: eventId !== undefined };
  }
  const at = typeof timestamp === 'number' ? fromNumber(timestamp) : fromText(timestamp.trim());
  if (!Number.isFinite(at)) return 'must be RFC 3339 such as 2026-01-31T12:00:00Z, or Unix seconds';
  return { at: Math.round(at), timeless: false };
}

const DATE_TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?(?: ?(Z|UTC|GMT)| ?([+-]\d{2}):?(\d{2})?)?)?$/i;

/** Milliseconds; NaN where the text is no time. Without an offset it is UTC, wherever the server stands. */
function fromText(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return fromNumber(Number(text));
  const match = DATE_TIME.exec(text);
  if (match === null) return Number.NaN;
  const [, date, time = '00:00', fraction = '0', , hours, minutes = '00'] = match;
  const seconds = time.length === 5 ? `${time}:00` : time;
  return Date.parse(`${date}T${seconds}.${fraction}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`);
}

function fromNumber(value: number): number {
  return value > LARGEST_SECONDS ? value : value * 1000;
}

function outsideWindow(at: number, sender: Sender, now: number): string | undefined {
  if (at > now + MAX_AHEAD) {
    return 'lies more than 10 minutes in the future; check the clock of the client';
  }
  if (at < now - sender.retentionDays * DAY) {
    return `is older than the ${sender.retentionDays} days that this project keeps`;
  }
  return undefined;
}

// A misspelt field is kept where it can be found, and the event says so.
function unknownFields(raw: Record<string, unknown>, cleaned: Record<string, unknown>) {
  const names = Object.keys(raw).filter((key) => !WIRE_FIELDS.includes(key));
  const values = Object.fromEntries(names.filter((key) => key in cleaned).map((key) => [key, cleaned[key]]));
  return { values, notes: names.map((key) => `${key}: unknown field, kept under attributes`) };
}

function eventOf(
  wire: WireEvent,
  eventId: string | undefined,
  occurred: Occurred,
  notes: string[],
  unknown: Record<string, unknown>,
): Omit<ErrorEvent, 'eventId'> & { eventId: string | undefined } {
  const { error, http, response } = wire;
  const attributes = { ...unknown, ...wire.attributes };
  return compact({
    eventId,
    occurredAt: occurred.at,
    timeless: occurred.timeless || undefined,
    environment: nonEmpty(wire.environment),
    service: nonEmpty(wire.service),
    release: nonEmpty(wire.release),
    tenant: nonEmpty(wire.tenant),
    user: wire.user === undefined ? undefined : nonEmpty(String(wire.user)),
    requestId: nonEmpty(wire.request_id),
    traceId: nonEmpty(wire.trace_id),
    http:
      http &&
      compact({
        method: http.method?.toUpperCase(),
        route: nonEmpty(http.route),
        status: http.status,
        retryAfter: text(http.retry_after),
      }),
    error:
      error &&
      compact({
        code: nonEmpty(text(error.code)),
        message: error.message,
        type: error.type,
        stack: error.stack,
        details: error.details ?? undefined,
      }),
    response: response && responseOf(response),
    attempt: wire.attempt,
    attributes: Object.keys(attributes).length > 0 ? attributes : undefined,
    notes: notes.length > 0 ? notes.slice(0, 20) : undefined,
  });
}

function responseOf(response: NonNullable<WireEvent['response']>): EventResponse {
  const headers =
    response.headers &&
    Object.fromEntries(
      Object.entries(response.headers)
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([key, value]) => [key.toLowerCase(), Array.isArray(value) ? value.join(', ') : String(value)]),
    );
  return compact({ status: response.status, headers, body: parsedBody(response.body) });
}

// A body that is JSON text is kept as JSON: it can be scrubbed by key, searched, and is parsed once.
function parsedBody(body: unknown): unknown {
  if (typeof body !== 'string' || !/^\s*[{[]/.test(body)) return body ?? undefined;
  try {
    return cleanJson(JSON.parse(body)).value;
  } catch {
    return body;
  }
}

function text(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function nonEmpty(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === '' ? undefined : trimmed;
}

function compact<T extends object>(value: T): T {
  for (const key of Object.keys(value) as Array<keyof T>) {
    if (value[key] === undefined) delete value[key];
  }
  return value;
}
