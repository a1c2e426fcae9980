import { ApiError } from '@errata/contracts';
import { parseJson, scanJson } from '@errata/core';

/** One entry of a request: JSON that was understood, or why it was not. */
export type Entry = { ok: true; value: unknown } | { ok: false; code: string; message: string };

/** Nesting of a whole body before it is even parsed; single events are held to far less. */
const MAX_BODY_DEPTH = 2_000;

/** Nesting of one event. */
export const MAX_EVENT_DEPTH = 64;

/** Bad lines whose fault is looked for; the sender sees the pattern after a few. */
const MAX_EXPLAINED_LINES = 5;

/** More events than one request may hold; `count` is how many the body really held. */
export class TooManyEventsError extends ApiError {
  constructor(
    readonly count: number,
    maxEvents: number,
  ) {
    const detail = `The body holds ${count} events; at most ${maxEvents} are taken at once. Send smaller batches.`;
    super('TOO_MANY_EVENTS', detail, { errors: [{ field: 'events', message: detail }] });
  }
}

/**
 * Splits a request body into its events: one object, `{"events": [...]}`, an array, or one object a
 * line (NDJSON, by content type or because the first line is a whole object).
 *
 * Linear in the body, and lines past `maxEvents` are counted but not parsed.
 * @throws TooManyEventsError for more than `maxEvents`
 * @throws ApiError where nothing in the body can be used
 */
export function parseRequest(body: Buffer, contentType: string | undefined, maxEvents: number): Entry[] {
  const text = body.toString('utf8').trim();
  if (text === '')
    throw new ApiError('EMPTY_BATCH', 'The body is empty. Send one event, {"events": [...]} or NDJSON.');
  const entries = isLines(contentType) ? parseLines(text, maxEvents) : parseDocument(body, text, maxEvents);
  if (entries.length === 0) {
    throw new ApiError(
      'EMPTY_BATCH',
      'The body holds no events. Send one event, {"events": [...]} or NDJSON.',
    );
  }
  return entries;
}

function isLines(contentType: string | undefined): boolean {
  return /^application\/(x-)?(ndjson|jsonl|json-seq|jsonlines)/i.test(contentType ?? '');
}

function parseDocument(body: Buffer, text: string, maxEvents: number): Entry[] {
  const depth = scanJson(body, { maxDepth: MAX_BODY_DEPTH });
  if (!depth.ok) {
    throw new ApiError('TOO_DEEP', `The body is nested more than ${MAX_BODY_DEPTH} levels deep. Flatten it.`);
  }
  const parsed = parseJson(text, { explain: false });
  if (!parsed.ok) {
    // Two lines of JSON without the content type for it are still two events.
    if (looksLikeLines(text)) return parseLines(text, maxEvents);
    const explained = parseJson(text);
    throw new ApiError('MALFORMED_JSON', `The body is not JSON: ${explained.ok ? '' : explained.message}`);
  }
  const events = eventsOf(parsed.value);
  if (events.length > maxEvents) throw new TooManyEventsError(events.length, maxEvents);
  return events.map(checkDepth);
}

function looksLikeLines(text: string): boolean {
  const end = text.indexOf('\n');
  return end > 0 && text.startsWith('{') && parseJson(text.slice(0, end), { explain: false }).ok;
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

function parseLines(text: string, maxEvents: number): Entry[] {
  const lines: string[] = [];
  let count = 0;
  for (let start = 0; start < text.length;) {
    const end = endOfLine(text, start);
    if (!isBlank(text, start, end)) {
      count++;
      if (count <= maxEvents) lines.push(text.slice(start, end));
    }
    start = end + 1;
  }
  if (count > maxEvents) throw new TooManyEventsError(count, maxEvents);
  let explained = 0;
  return lines.map((line) => {
    const entry = parseLine(line, explained < MAX_EXPLAINED_LINES);
    if (!entry.ok) explained++;
    return entry;
  });
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

// Blank are blanks, tabs and returns, as in JSON; it stops at the first sign of anything else.
function isBlank(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x09 && code !== 0x0d) return false;
  }
  return true;
}

function parseLine(line: string, explain: boolean): Entry {
  // A shorter line cannot be nested that deep.
  if (line.length > MAX_BODY_DEPTH && !scanJson(Buffer.from(line), { maxDepth: MAX_BODY_DEPTH }).ok)
    return tooDeep();
  const parsed = parseJson(line, { explain });
  if (parsed.ok) return checkDepth(parsed.value);
  return {
    ok: false,
    code: 'MALFORMED_JSON',
    message: explain ? `is not JSON: ${parsed.message}` : 'is not JSON',
  };
}

function checkDepth(value: unknown): Entry {
  return deeperThan(value, MAX_EVENT_DEPTH) ? tooDeep() : { ok: true, value };
}

function tooDeep(): Entry {
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
