/** First step of the back-off, in milliseconds. */
export const BASE_DELAY = 500;

/**
 * Exponential back-off with full jitter, in milliseconds: uniform in `[0, min(cap, base · 2^attempt))`.
 * @param attempt 0 after the first failure
 * @param random uniform in [0, 1)
 */
export function backoffDelay(attempt: number, random: number, cap: number, base = BASE_DELAY): number {
  return random * Math.min(cap, base * 2 ** attempt);
}

/**
 * Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds or an HTTP date, as milliseconds from now.
 * @param now milliseconds since the epoch on the clock that wrote the date
 * @returns undefined where the header is absent or unreadable
 */
export function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const seconds = Number(value?.trim() || Number.NaN);
  const wait = Number.isNaN(seconds) ? Date.parse(value ?? '') - now : seconds * 1000;
  return Number.isNaN(wait) ? undefined : Math.max(0, Math.ceil(wait));
}

/** How long to wait before the next try: the back-off, and never less than the server asked for. */
export function retryDelay(attempt: number, random: number, cap: number, retryAfter = 0): number {
  return Math.max(retryAfter, backoffDelay(attempt, random, cap));
}
