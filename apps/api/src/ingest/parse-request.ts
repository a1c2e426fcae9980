import { ApiError } from '@errata/contracts';
import { parseJson, scanJson } from '@errata/core';

/** One entry of a request: JSON that was understood, or why it was not. */
export type Entry = { ok: true; value: unknown } | { ok: false; code: string; message: string };

/** Nesting of a whole body before it is even parsed; single events are held to far less. */
const MAX_BODY_DEPTH = 2_000;

/** Nesting of one event. */
export const MAX_EVENT_DEPTH = 64;

/**
 * Splits a request body into its events: one object, `{"events": [...]}`, an array, or one object a
 * line (NDJSON, by content type or because the first line is a whole object).
 * @throws ApiError where nothing in the body can be used
 */
export function parseRequest(body: Buffer, contentType: string | undefined, maxEvents: number): Entry[] {
  const text = body.toString('utf8').trim();
  if (text === '')
    throw new ApiError('EMPTY_BATCH', 'The body is empty. Send one event, {"events": [...]} or NDJSON.');
  const entries = isLines(contentType) ? parseLines(text) : parseDocument(body, text);
  if (entries.length === 0) {
    throw new ApiError(
      'EMPTY_BATCH',
      'The body holds no events. Send one event, {"events": [...]} or NDJSON.',
    );
  }
  if (entries.length > maxEvents) {
    const detail = `The body holds ${entries.length} events; at most ${maxEvents} are taken at once. Send smaller batches.`;
    throw new ApiError('TOO_MANY_EVENTS', detail, { errors: [{ field: 'events', message: detail }] });
  }
  return entries;
}

function isLines(contentType: string | undefined): boolean {
  return /^application\/(x-)?(ndjson|jsonl|json-seq|jsonlines)/i.test(contentType ?? '');
}

function parseDocument(body: Buffer, text: string): Entry[] {
  const depth = scanJson(body, { maxDepth: MAX_BODY_DEPTH });
  if (!depth.ok) {
    throw new ApiError('TOO_DEEP', `The body is nested more than ${MAX_BODY_DEPTH} levels deep. Flatten it.`);
  }
  const parsed = parseJson(text);
  if (!parsed.ok) {
    // Two lines of JSON without the content type for it are still two events.
    if (looksLikeLines(text)) return parseLines(text);
    throw new ApiError('MALFORMED_JSON', `The body is not JSON: ${parsed.message}`);
  }
  return eventsOf(parsed.value).map(checkDepth);
}

function looksLikeLines(text: string): boolean {
  const end = text.indexOf('\n');
  return end > 0 && text.startsWith('{') && parseJson(text.slice(0, end)).ok;
}

function eventsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) {
    throw new ApiError(
      'INVALID_EVENT',
      'The body must be an event, {"events": [...]} or an array of events.',
    );
  }
  if (!('events' in value)) return [value];
  const { events } = value;
  if (Array.isArray(events)) return events;
  const message = 'must be an array of events';
  throw new ApiError('INVALID_FIELD', `events ${message}.`, { errors: [{ field: 'events', message }] });
}

function parseLines(text: string): Entry[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const parsed = parseJson(line);
      return parsed.ok
        ? checkDepth(parsed.value)
        : { ok: false, code: 'MALFORMED_JSON', message: `is not JSON: ${parsed.message}` };
    });
}

function checkDepth(value: unknown): Entry {
  if (!deeperThan(value, MAX_EVENT_DEPTH)) return { ok: true, value };
  return {
    ok: false,
    code: 'TOO_DEEP',
    message: `is nested more than ${MAX_EVENT_DEPTH} levels deep; flatten it`,
  };
}

// The recursion ends at the limit, whatever the input.
function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const key in value) {
    if (deeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}
