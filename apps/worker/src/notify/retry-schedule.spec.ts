import fc from 'fast-check';
import { RETRY_SCHEDULE, nextAttemptAt, retryAfterMs } from './retry-schedule.js';

const T = Date.UTC(2026, 10, 22, 12, 0, 0);

describe('nextAttemptAt', () => {
  it.each([
    [1, 5_000],
    [2, 300_000],
    [3, 1_800_000],
    [4, 7_200_000],
    [9, 86_400_000],
  ])('after %d failures waits %d ms', (failed, pause) => {
    expect(nextAttemptAt(failed, T)).toBe(T + pause);
  });

  it('gives up after the tenth attempt', () => {
    expect(RETRY_SCHEDULE).toHaveLength(10);
    expect(nextAttemptAt(10, T)).toBeUndefined();
  });

  it('obeys Retry-After where it is longer, up to a day', () => {
    expect(nextAttemptAt(1, T, 60_000)).toBe(T + 60_000);
    expect(nextAttemptAt(2, T, 60_000)).toBe(T + 300_000);
    expect(nextAttemptAt(1, T, 10 * 86_400_000)).toBe(T + 86_400_000);
  });

  it('never comes before the pause of the schedule', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), (failed, asked) => {
        expect(nextAttemptAt(failed, T, asked)! - T).toBeGreaterThanOrEqual(RETRY_SCHEDULE[failed]!);
      }),
    );
  });
});

describe('retryAfterMs', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Sun, 22 Nov 2026 12:01:00 GMT', 60_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['3.5', undefined],
    ['soon', undefined],
    ['Soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%p is %p', (header, expected) => {
    expect(retryAfterMs(header, T)).toBe(expected);
  });
});
