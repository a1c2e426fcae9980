/** Milliseconds in the units that buckets and windows are cut into. */
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/**
 * Start of the UTC bucket that holds an instant.
 * @param at milliseconds since the epoch
 * @param size bucket length in milliseconds; buckets are aligned to the epoch, hence to UTC midnight
 */
export function bucketStart(at: number, size: number): number {
  return Math.floor(at / size) * size;
}

/** RFC 3339 in UTC with milliseconds, the one format in which times leave Errata. */
export function toRfc3339(at: number): string {
  return new Date(at).toISOString();
}

/** `YYYYMMDD` of an instant in UTC, as used in partition names. */
export function utcDayName(at: number): string {
  return toRfc3339(at).slice(0, 10).replaceAll('-', '');
}
