import { ApiError, INTERVALS, LIST_PARAMS, MAX_BUCKETS, MAX_RANGE } from '@errata/contracts';
import type { FieldError, IntervalName } from '@errata/contracts';
import { DAY, HOUR, MINUTE, SECOND, toRfc3339 } from '@errata/core';
import type { Category, Retryability, Severity } from '@errata/core';
import type { EventFilters, TimeWindow } from '@errata/storage';
import { z } from 'zod';
import { closest } from './closest.js';

/** A query string as Fastify reads it: a repeated parameter is a list. */
export type RawQuery = Readonly<Record<string, string | readonly string[]>>;

/**
 * Validates a query string against the schema of its route.
 * @throws ApiError UNKNOWN_FILTER for a name that the route does not know, INVALID_PARAMETER for a wrong value
 */
export function parseParams<S extends z.ZodObject>(schema: S, raw: RawQuery): z.output<S> {
  const known = Object.keys(schema.shape);
  const strange = Object.keys(raw).filter((name) => !known.includes(name));
  if (strange.length > 0) throw unknownParameters(strange, known);
  const parsed = schema.safeParse(
    Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, read(name, value)])),
  );
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    field: String(issue.path[0]),
    message: messageOf(issue, raw),
  }));
  throw invalid(errors);
}

function read(name: string, value: string | readonly string[]): unknown {
  if (!LIST_PARAMS.has(name)) return value;
  return [value].flat().flatMap(splitList);
}

// `a,b\,c` is two values. An empty parameter is one empty value, not none.
function splitList(text: string): string[] {
  return text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ','));
}

function messageOf(issue: z.core.$ZodIssue, raw: RawQuery): string {
  const name = String(issue.path[0]);
  if (raw[name] === undefined)
    return issue.message.startsWith('must') ? `is required and ${issue.message}` : 'is required';
  if (Array.isArray(raw[name]) && !LIST_PARAMS.has(name)) return 'must be given once';
  return issue.message;
}

const invalid = (errors: FieldError[]) =>
  new ApiError(
    'INVALID_PARAMETER',
    errors.map(({ field, message }) => `\`${field}\` ${message}.`).join(' '),
    { errors },
  );

function unknownParameters(strange: readonly string[], known: readonly string[]): ApiError {
  const errors = strange.map((field) => {
    const meant = closest(field, known);
    return {
      field,
      message: meant === undefined ? 'is not known here' : `is not known here; did you mean \`${meant}\``,
    };
  });
  const sentences = errors.map(
    ({ field, message }) => `\`${field}\` ${message}${message.endsWith('`') ? '?' : '.'}`,
  );
  const list = known.length === 0 ? 'This route takes no parameters.' : `Known here: ${known.join(', ')}.`;
  return new ApiError('UNKNOWN_FILTER', [...sentences, list].join(' '), { errors });
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };
const RFC3339 = z.iso.datetime({ offset: true });

/** Milliseconds of `now`, `-24h`, `now-24h` or an RFC 3339 time; undefined for anything else. */
export function parseTime(text: string, now: number): number | undefined {
  if (text === 'now') return now;
  const relative = /^(?:now)?-(\d{1,9})([smhdw])$/.exec(text);
  if (relative !== null) return now - Number(relative[1]) * UNITS[relative[2]!]!;
  // An unescaped `+` of an offset arrives as a space.
  const rfc = text.replace(/ (?=\d\d:\d\d$)/, '+').toUpperCase();
  return RFC3339.safeParse(rfc).success ? Date.parse(rfc) : undefined;
}

/**
 * The window that `from` and `to` name.
 * @throws ApiError INVALID_PARAMETER for what is no time, INVALID_RANGE for what is no usable range
 */
export function readWindow(params: { from: string; to: string }, now: number): TimeWindow {
  const parsed = { from: parseTime(params.from, now), to: parseTime(params.to, now) };
  const wrong = (['from', 'to'] as const).filter((field) => parsed[field] === undefined);
  if (wrong.length > 0) {
    const message = 'must be an RFC 3339 time like 2026-11-22T09:00:00Z, `now`, or before now like `-24h`';
    throw invalid(wrong.map((field) => ({ field, message })));
  }
  return checkedWindow({ from: parsed.from!, to: parsed.to! });
}

const YEAR_10000 = Date.UTC(10_000, 0);

/** @throws ApiError INVALID_RANGE naming both ends */
export function checkedWindow(window: TimeWindow): TimeWindow {
  const fault = faultOf(window);
  if (fault === undefined) return window;
  throw new ApiError('INVALID_RANGE', `The range from \`from\` to \`to\` ${fault}.`, {
    errors: (['from', 'to'] as const).map((field) => ({ field, message: `the range ${fault}` })),
  });
}

function faultOf({ from, to }: TimeWindow): string | undefined {
  if (from < 0 || to > YEAR_10000) return 'must lie between the years 1970 and 9999';
  if (from >= to) return `must start before it ends, but starts ${toRfc3339(from)} and ends ${toRfc3339(to)}`;
  return to - from > MAX_RANGE ? `must span at most ${MAX_RANGE / DAY} days` : undefined;
}

/** Filters as parsed from a query string. */
export interface FilterParams {
  code?: string[] | undefined;
  tenant?: string[] | undefined;
  environment?: string[] | undefined;
  service?: string[] | undefined;
  status?: string[] | undefined;
  retryability?: Retryability[] | undefined;
  category?: Category[] | undefined;
  severity?: Severity[] | undefined;
}

/**
 * Filters as the storage takes them.
 * @param onlyTenant the one tenant that the caller may see, or null: another one finds nothing
 */
export function readFilters(params: FilterParams, onlyTenant: string | null): EventFilters {
  const { code, environment, service, retryability, category, severity } = params;
  const asked = params.tenant;
  const tenant =
    onlyTenant === null || asked === undefined
      ? (asked ?? (onlyTenant === null ? undefined : [onlyTenant]))
      : asked.filter((name) => name === onlyTenant);
  const filters = {
    code,
    tenant,
    environment,
    service,
    retryability,
    category,
    severity,
    status: statuses(params.status),
  };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
}

function statuses(given: readonly string[] | undefined): number[] | undefined {
  return given?.flatMap((text) => {
    if (text === '') return [0];
    if (/^\d+$/.test(text)) return [Number(text)];
    return Array.from({ length: 100 }, (_, i) => Number(text[0]) * 100 + i);
  });
}

const AUTO_BUCKETS = 200;

/**
 * The bucket length of a series.
 * @throws ApiError INVALID_PARAMETER where the range would have too many buckets
 */
export function readInterval(
  asked: 'auto' | IntervalName,
  window: TimeWindow,
): { name: IntervalName; length: number } {
  const all = Object.entries(INTERVALS) as Array<[IntervalName, number]>;
  const finest = (most: number) =>
    all.find(([, length]) => (window.to - window.from) / length <= most) ?? all.at(-1)!;
  if (asked === 'auto') {
    const [name, length] = finest(AUTO_BUCKETS);
    return { name, length };
  }
  const length = INTERVALS[asked];
  // A window that starts inside a bucket touches one more than its length has room for.
  if ((window.to - window.from) / length + 1 > MAX_BUCKETS) {
    const message = `must give at most ${MAX_BUCKETS} buckets; for this range, ${finest(MAX_BUCKETS - 1)[0]} or longer`;
    throw invalid([{ field: 'interval', message }]);
  }
  return { name: asked, length };
}
