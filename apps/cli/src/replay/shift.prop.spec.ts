import fc from 'fast-check';
import { lineEventId } from './identity.js';
import { DAY_MS, shiftDays, shiftTimestamp, timestampMs } from './shift.js';

const instant = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2100, 0, 1) });
const days = fc.integer({ min: -5_000, max: 5_000 });

describe('shiftDays', () => {
  it('brings the newest line into the 24 hours before now by whole days', () => {
    fc.assert(
      fc.property(instant, instant, (newest, now) => {
        const shift = shiftDays(newest, now);
        const moved = newest + shift * DAY_MS;
        expect(Number.isInteger(shift)).toBe(true);
        expect(moved).toBeLessThanOrEqual(now);
        expect(moved).toBeGreaterThan(now - DAY_MS);
      }),
    );
  });

  it('is the same for every now until the newest line is a day old', () => {
    fc.assert(
      fc.property(instant, days, fc.integer({ min: 0, max: DAY_MS - 1 }), (newest, shift, later) => {
        expect(shiftDays(newest, newest + shift * DAY_MS + later)).toBe(shift);
      }),
    );
  });
});

describe('shiftTimestamp', () => {
  it('moves text, milliseconds and seconds by the same span and keeps their unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }), days, (seconds, shift) => {
        const at = seconds * 1_000;
        const span = shift * DAY_MS;
        expect(shiftTimestamp(new Date(at).toISOString(), span)).toBe(new Date(at + span).toISOString());
        expect(shiftTimestamp(at, span)).toBe(at + span);
        expect(shiftTimestamp(seconds, span)).toBe((at + span) / 1_000);
      }),
    );
  });

  it.each([[undefined], [null], ['soon'], ['17'], [{}], [Number.NaN]])('leaves %p alone', (timestamp) => {
    expect(timestampMs(timestamp)).toBeUndefined();
    expect(shiftTimestamp(timestamp, DAY_MS)).toBe(timestamp);
  });

  it('reads offsets', () => {
    expect(timestampMs('2026-01-02T03:04:05+02:00')).toBe(Date.UTC(2026, 0, 2, 1, 4, 5));
  });
});

describe('lineEventId', () => {
  it('is a UUIDv8 made of content and position alone', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1 }), (content, position) => {
        const id = lineEventId(content, position);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(lineEventId(content, position)).toBe(id);
        expect(lineEventId(content, position + 1)).not.toBe(id);
        expect(lineEventId(`${content}x`, position)).not.toBe(id);
      }),
    );
  });

  it('does not confuse digits of the content with the position', () => {
    expect(lineEventId('1x', 1)).not.toBe(lineEventId('x', 11));
  });
});
