/** A sustained rate in units per second, and how many units may come at once after a rest. */
export interface RateLimit {
  ratePerSecond: number;
  burst: number;
}

/** The decision on one request and the state to keep for the next. */
export interface GcraResult {
  allowed: boolean;
  /** Theoretical arrival time to store, in milliseconds on the clock of `now`. */
  tat: number;
  /** Whole units that would be let through right after this decision. */
  remaining: number;
  /** Milliseconds until the same request passes if nothing else is taken meanwhile; 0 when it passed. */
  retryAfterMs: number;
  /** Milliseconds until the full burst is available again. */
  resetMs: number;
  /** Set when the cost is larger than the burst: waiting cannot help, the request must be split. */
  never?: true;
}

/** One microsecond, in milliseconds: absorbs the rounding of epoch times kept as doubles. */
const SLACK_MS = 0.001;

/**
 * The generic cell rate algorithm (the virtual scheduling form of ITU-T I.371) with a cost per request.
 *
 * Each unit takes `1000 / ratePerSecond` ms of the schedule; a request passes when the schedule, with the
 * request in it, runs at most one burst ahead of the clock. A refused request takes nothing.
 * A stored time further ahead than one burst (the clock went back, the limit was lowered) counts as one
 * empty bucket, so that no key is shut out for longer than a full refill.
 *
 * @param tatMs the stored time, undefined for a key that was never seen
 * @param now milliseconds, on the same clock
 * @param cost units taken, 0 or more; 0 only looks
 * @throws RangeError where rate, burst or cost is not a usable number
 */
export function gcra(tatMs: number | undefined, now: number, limit: RateLimit, cost: number): GcraResult {
  const { ratePerSecond, burst } = limit;
  if (!(ratePerSecond > 0 && burst > 0 && cost >= 0 && Number.isFinite(ratePerSecond + burst + cost))) {
    throw new RangeError('A rate limit needs a positive rate and burst, and a cost of 0 or more.');
  }
  const unit = 1000 / ratePerSecond;
  const full = burst * unit;
  const ahead = Math.min(Math.max((tatMs ?? now) - now, 0), full);
  if (cost > burst) {
    const resetMs = Math.ceil(ahead);
    const remaining = unitsLeft(full - ahead, unit, burst);
    return { allowed: false, tat: now + ahead, remaining, retryAfterMs: resetMs, resetMs, never: true };
  }
  const room = (burst - cost) * unit + SLACK_MS;
  const allowed = ahead <= room;
  const tat = now + (allowed ? ahead + cost * unit : ahead);
  const after = tat - now;
  return {
    allowed,
    tat,
    remaining: unitsLeft(full - after, unit, burst),
    retryAfterMs: allowed ? 0 : waitFor(tat, now, room),
    resetMs: Math.ceil(Math.max(after - SLACK_MS, 0)),
  };
}

function unitsLeft(room: number, unit: number, burst: number): number {
  return Math.min(Math.max(Math.floor((room + SLACK_MS) / unit), 0), Math.floor(burst));
}

// The smallest whole wait that passes. The subtraction may round across a whole millisecond, and then the
// answer is off by one either way; it is settled with the very comparison that the retry will meet.
function waitFor(tat: number, now: number, room: number): number {
  let wait = Math.max(Math.ceil(tat - now - room), 1);
  if (tat - (now + wait) > room) wait++;
  if (wait > 1 && tat - (now + wait - 1) <= room) wait--;
  return wait;
}
