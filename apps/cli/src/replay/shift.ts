/** Milliseconds in a day of 24 hours, the unit of every shift. */
export const DAY_MS = 86_400_000;

/**
 * The whole days that bring the newest line of a file into the 24 hours before now.
 *
 * Whole days keep every line's time of day. The result is unique: `now - 24 h < newest + days <= now`.
 * @param newest milliseconds since the epoch
 * @param now milliseconds since the epoch
 * @returns days, negative for a file from the future
 */
export function shiftDays(newest: number, now: number): number {
  return Math.floor((now - newest) / DAY_MS);
}

/**
 * The instant that an event's `timestamp` names: RFC 3339 text, or a number of seconds or
 * milliseconds since the epoch, told apart by size.
 * @returns milliseconds since the epoch, or undefined where it names none
 */
export function timestampMs(timestamp: unknown): number | undefined {
  if (typeof timestamp === 'number' && Number.isFinite(timestamp)) {
    return isSeconds(timestamp) ? timestamp * 1_000 : timestamp;
  }
  if (typeof timestamp !== 'string' || !/^\d{4}-\d{2}-\d{2}/.test(timestamp)) return undefined;
  const parsed = Date.parse(timestamp);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/**
 * The same `timestamp` moved by a shift, in the unit in which it was given.
 * @param shiftMs milliseconds
 * @returns the value unchanged where it names no instant: the server says what is wrong with it
 */
export function shiftTimestamp(timestamp: unknown, shiftMs: number): unknown {
  const at = timestampMs(timestamp);
  if (at === undefined || shiftMs === 0) return timestamp;
  if (typeof timestamp === 'number') return timestamp + (isSeconds(timestamp) ? shiftMs / 1_000 : shiftMs);
  const moved = new Date(at + shiftMs);
  return Number.isNaN(moved.getTime()) ? timestamp : moved.toISOString();
}

// 1e11 seconds lie in the year 5138, 1e11 milliseconds in 1973: no log is from either.
function isSeconds(timestamp: number): boolean {
  return Math.abs(timestamp) < 1e11;
}
