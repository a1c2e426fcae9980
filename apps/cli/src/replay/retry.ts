const BACKOFF_BASE_MS = 250;
const BACKOFF_CAP_MS = 20_000;
const SPREAD_MS = 500;

/** Whether the same request may succeed later: timeouts, rate limits and everything of class 5xx. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Reads `Retry-After`, a count of seconds or an HTTP date.
 * @param now milliseconds since the epoch
 * @returns milliseconds to wait, never negative; undefined where the header says nothing usable
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const at = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/**
 * How long to wait before a try is repeated. The server's word is the least; without it the wait
 * doubles from 250 ms to 20 s with full jitter.
 * @param attempt tries so far, from 1
 * @param retryAfter milliseconds that the server asked for
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function retryDelayMs(attempt: number, retryAfter: number | undefined, random: number): number {
  // Clients that were turned away together should not all come back in the same instant.
  if (retryAfter !== undefined) return retryAfter + random * Math.min(SPREAD_MS, retryAfter / 2);
  return BACKOFF_BASE_MS / 2 + random * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempt - 1));
}
