const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Pauses before the attempts, as Standard Webhooks has them: the first at once, the tenth after three days. */
export const RETRY_SCHEDULE: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

// A receiver may ask for patience, but not for silence without end.
const LONGEST_WAIT = 24 * HOUR;

/**
 * When a message is tried again.
 * @param failed attempts that failed so far, this one included
 * @param retryAfterMs what the receiver asked for; obeyed where it is longer than the schedule's pause
 * @returns milliseconds, or undefined where the schedule is over
 */
export function nextAttemptAt(failed: number, now: number, retryAfterMs = 0): number | undefined {
  const pause = RETRY_SCHEDULE[failed];
  return pause === undefined ? undefined : now + Math.max(pause, Math.min(retryAfterMs, LONGEST_WAIT));
}

/**
 * Milliseconds that a Retry-After header asks for: whole seconds or an HTTP date.
 * @returns undefined where there is none that can be read
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND;
  // Date.parse also reads "-5" and "3.5" as dates; an HTTP date starts with the day's name.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
