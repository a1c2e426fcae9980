import type { ErrorEvent } from '../event.js';
import type { JsonRecord } from './fields.js';
import { isRecord, own, recordsIn, text } from './fields.js';

export const RETRY_SOURCES = [
  'event',
  'retry-after',
  'retry-after-ms',
  'should-retry',
  'grpc-pushback',
  'retry-info',
  'body',
  'rate-limit',
  'convention',
] as const;
/**
 * Who gave the advice: the client's event, a header, or a member of the body. `convention` is the weakest:
 * the documentation of the protocol family, not this response, says that such an error may be retried.
 */
export type RetrySource = (typeof RETRY_SOURCES)[number];

/** What the response says about trying again. */
export interface RetryAdvice {
  /** Seconds to wait, counted from the response; 0 to one year. */
  retryAfterSeconds?: number;
  /** Absent where the response only names a delay or nothing. */
  shouldRetry?: boolean;
  /** Where permission and delay come from different places, that of the permission. */
  source: RetrySource;
}

/** The part of the advice that a body states. */
export interface StatedRetry {
  afterSeconds?: number;
  shouldRetry?: boolean;
  source: RetrySource;
}

interface Delay {
  seconds: number;
  source: RetrySource;
}

const MAX_SECONDS = 31_536_000;
const SHOULD_RETRY_HEADERS = ['stripe-should-retry', 'x-should-retry'];
const SECONDS = ['retry_after', 'retryAfter', 'retry_after_seconds', 'retryAfterSeconds'];
const MILLISECONDS = ['retry_after_ms', 'retryAfterMs'];
const RETRYABLE = ['retryable', 'isRetryable', 'should_retry', 'shouldRetry'];
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} (?:GMT|UTC)$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/**
 * Weighs what event, headers and body say about retrying. Delay: event, `Retry-After`,
 * `grpc-retry-pushback-ms`, body, exhausted rate limit. Permission: should-retry headers (Stripe),
 * gRPC push-back (a negative one forbids), body, and where nothing else speaks a convention.
 */
export function retryAdviceOf(
  event: ErrorEvent,
  headers: JsonRecord,
  stated: StatedRetry | undefined,
): RetryAdvice | undefined {
  const convention = stated?.source === 'convention';
  const said = convention ? undefined : stated;
  const now = dateMillis(text(headers['date']) ?? '') ?? event.occurredAt;
  const delay =
    eventDelay(event, now) ?? headerDelay(headers, now) ?? bodyDelay(said) ?? limitDelay(headers, now);
  const allowed = permission(headers, said);
  if (allowed !== undefined) return advice(delay?.seconds, allowed.shouldRetry, allowed.source);
  if (delay !== undefined) return advice(delay.seconds, undefined, delay.source);
  return convention ? advice(undefined, stated.shouldRetry, 'convention') : undefined;
}

/**
 * The retry members that bodies of any format may hold: `retry_after` (seconds), `retry_after_ms`
 * and `retryable`, at the top, under `error`, `parameters` or `meta`, or in the first of `errors`.
 */
export function statedRetryOf(body: JsonRecord): StatedRetry | undefined {
  const first = recordsIn(own(body, 'errors'))[0];
  const places = [body, own(body, 'error'), own(body, 'parameters'), own(body, 'meta')];
  if (first !== undefined) places.push(first, own(first, 'extensions'), own(first, 'meta'));
  const found: StatedRetry = { source: 'body' };
  for (const place of places) {
    if (!isRecord(place)) continue;
    found.afterSeconds ??= secondsAt(place);
    found.shouldRetry ??= flagAt(place);
  }
  return found.afterSeconds === undefined && found.shouldRetry === undefined ? undefined : found;
}

/** Seconds of a protobuf duration in JSON, such as `3.5s`, or of `{"seconds","nanos"}`. */
export function durationSeconds(value: unknown): number | undefined {
  if (typeof value === 'string') return plainSeconds(/^\d{1,12}(?:\.\d{1,9})?(?=s$)/.exec(value)?.[0]);
  if (!isRecord(value)) return undefined;
  const whole = plainSeconds(own(value, 'seconds') ?? 0);
  const nanos = plainSeconds(own(value, 'nanos') ?? 0);
  return whole === undefined || nanos === undefined ? undefined : inRange(whole + nanos / 1e9);
}

/**
 * Seconds that a `Retry-After` value asks to wait: delta-seconds or any of the three HTTP dates
 * (RFC 9110 §5.6.7 and §10.2.3), and ISO dates, which some APIs send instead.
 * @param now milliseconds since the epoch that a date is compared with
 */
export function retryAfterSeconds(value: string, now: number): number | undefined {
  const plain = plainSeconds(value);
  if (plain !== undefined) return plain;
  const at = dateMillis(value);
  return at === undefined ? undefined : inRange((at - now) / 1_000);
}

function advice(seconds: number | undefined, should: boolean | undefined, source: RetrySource): RetryAdvice {
  const given: RetryAdvice = { source };
  if (seconds !== undefined) given.retryAfterSeconds = seconds;
  if (should !== undefined) given.shouldRetry = should;
  return given;
}

function eventDelay(event: ErrorEvent, now: number): Delay | undefined {
  const value = text(event.http?.retryAfter);
  return value === undefined ? undefined : delayOf(retryAfterSeconds(value, now), 'event');
}

function headerDelay(headers: JsonRecord, now: number): Delay | undefined {
  const millis = delayOf(thousandth(headers['retry-after-ms']), 'retry-after-ms');
  if (millis !== undefined) return millis;
  const value = text(headers['retry-after']);
  const seconds = value === undefined ? undefined : retryAfterSeconds(value, now);
  return (
    delayOf(seconds, 'retry-after') ?? delayOf(thousandth(headers['grpc-retry-pushback-ms']), 'grpc-pushback')
  );
}

function bodyDelay(stated: StatedRetry | undefined): Delay | undefined {
  return stated && delayOf(stated.afterSeconds, stated.source);
}

/**
 * The reset of a rate limit that has nothing left: `RateLimit: "name";r=0;t=30` or the older pairs of
 * `…remaining` and `…reset`, whose reset is in seconds or, past 10^9, a Unix time.
 */
function limitDelay(headers: JsonRecord, now: number): Delay | undefined {
  const limit = text(headers['ratelimit']);
  if (limit !== undefined) {
    const spent = limit.split(',').find((item) => /;\s?r=0(?:;|\s|$)/.test(item));
    return delayOf(plainSeconds(spent && /;\s?t=(\d{1,10})/.exec(spent)?.[1]), 'rate-limit');
  }
  for (const prefix of ['ratelimit', 'x-ratelimit', 'x-rate-limit']) {
    if (text(headers[`${prefix}-remaining`]) !== '0') continue;
    const reset = plainNumber(headers[`${prefix}-reset`]);
    if (reset === undefined) continue;
    return delayOf(inRange(reset > 1e9 ? reset - now / 1_000 : reset), 'rate-limit');
  }
  return undefined;
}

function permission(
  headers: JsonRecord,
  stated: StatedRetry | undefined,
): { shouldRetry: boolean; source: RetrySource } | undefined {
  for (const name of SHOULD_RETRY_HEADERS) {
    const value = text(headers[name])?.toLowerCase();
    if (value === 'true' || value === 'false')
      return { shouldRetry: value === 'true', source: 'should-retry' };
  }
  if (/^-\d+$/.test(text(headers['grpc-retry-pushback-ms']) ?? '')) {
    return { shouldRetry: false, source: 'grpc-pushback' };
  }
  if (stated?.shouldRetry === undefined) return undefined;
  return { shouldRetry: stated.shouldRetry, source: stated.source };
}

function secondsAt(record: JsonRecord): number | undefined {
  for (const name of SECONDS) {
    const seconds = plainSeconds(own(record, name));
    if (seconds !== undefined) return seconds;
  }
  for (const name of MILLISECONDS) {
    const seconds = thousandth(own(record, name));
    if (seconds !== undefined) return seconds;
  }
  return undefined;
}

function flagAt(record: JsonRecord): boolean | undefined {
  return RETRYABLE.map((name) => own(record, name)).find((value) => typeof value === 'boolean');
}

function delayOf(seconds: number | undefined, source: RetrySource): Delay | undefined {
  return seconds === undefined ? undefined : { seconds, source };
}

function thousandth(value: unknown): number | undefined {
  const millis = plainNumber(value);
  return millis === undefined ? undefined : inRange(millis / 1_000);
}

function plainSeconds(value: unknown): number | undefined {
  const seconds = plainNumber(value);
  return seconds === undefined ? undefined : inRange(seconds);
}

/** A number that is not negative, also written as digits. */
function plainNumber(value: unknown): number | undefined {
  const digits = typeof value === 'string' && /^\s?\d{1,15}(?:\.\d{1,9})?\s?$/.test(value);
  const number = digits ? Number(value) : value;
  return typeof number === 'number' && number >= 0 && Number.isFinite(number) ? number : undefined;
}

function inRange(seconds: number): number {
  return Math.min(Math.max(Math.round(seconds * 1_000) / 1_000, 0), MAX_SECONDS);
}

function dateMillis(value: string): number | undefined {
  // Without a zone the platform would read the local one; HTTP dates are always UTC.
  const dated = ASCTIME.test(value) ? `${value} GMT` : value;
  if (dated === value && !HTTP_DATE.test(value) && !ISO_DATE.test(value)) return undefined;
  const millis = Date.parse(dated);
  return Number.isNaN(millis) ? undefined : millis;
}
