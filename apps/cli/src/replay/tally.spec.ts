import { plainLine } from './progress.js';
import { closeTally, countDelivery, countLine, emptyTally, formatTally } from './tally.js';
import type { Tally } from './tally.js';

function filled(): Tally {
  const tally = emptyTally('access.log', false);
  for (const position of [3, 5, 8, 9]) countLine(tally, { kind: 'unparseable' }, position);
  countLine(tally, { kind: 'skipped', time: 0 }, 10);
  for (const status of [404, 404, 500, undefined]) {
    countLine(tally, { kind: 'event', status, render: () => '{}' }, 11);
  }
  const rejected = [0, 1, 2, 3].map((index) => ({
    index,
    position: 11,
    code: 'INVALID_FIELD',
    message: 'is wrong',
    field: 'timestamp',
  }));
  countDelivery(tally, { sent: 6, accepted: 2, rejected });
  return tally;
}

describe('tally', () => {
  it('adds up: every line is an event, skipped or unparseable', () => {
    const tally = filled();
    expect(tally).toMatchObject({
      lines: 9,
      events: 4,
      skipped: 1,
      unparseable: 4,
      unparseable_lines: [3, 5, 8],
    });
    expect(tally.events + tally.skipped + tally.unparseable).toBe(tally.lines);
    expect(tally.by_status).toEqual({ 404: 2, 500: 1, none: 1 });
  });

  it('keeps the first three examples of each rejection code', () => {
    const tally = filled();
    expect(tally).toMatchObject({ sent: 6, accepted: 2, rejected: 4 });
    expect(tally.rejected_by_code['INVALID_FIELD']?.count).toBe(4);
    expect(tally.rejected_by_code['INVALID_FIELD']?.examples).toHaveLength(3);
  });

  it('reckons the rate, also where no time has passed', () => {
    expect(closeTally(filled(), 1_500)).toMatchObject({ seconds: 1.5, events_per_second: 4 });
    expect(closeTally(filled(), 0)).toMatchObject({ seconds: 0, events_per_second: 0 });
  });

  it('reads well', () => {
    const text = formatTally(closeTally({ ...filled(), shift_days: 3 }, 1_500));
    expect(text.split('\n').map((row) => row.replace(/ {2,}/g, ' '))).toEqual([
      'lines read 9',
      'skipped 1 (status below 400)',
      'unparseable 4 (line 3, 5, 8, …)',
      'events 4',
      'by status 404: 2, 500: 1, none: 1',
      'time shift 3 days',
      'sent 6',
      'accepted 2 (duplicates among them are dropped by the worker)',
      'rejected 4',
      ' INVALID_FIELD 4 (line 11: timestamp: is wrong)',
      'requests repeated 0',
      'time 1.5 s, 4 events/s',
      '',
    ]);
    expect(formatTally(emptyTally('-', true))).toMatch(/sent +0 \(dry run\)\n$/);
  });
});

describe('plainLine', () => {
  it('gives a share of the file where its length is known', () => {
    const tally = { ...emptyTally('f', false), lines: 10, events: 4, accepted: 2 };
    expect(plainLine({ bytes: 50, total: 200, tally })).toBe('replay: 10 lines (25 %), 4 events, 2 accepted');
    expect(plainLine({ bytes: 50, tally })).toBe('replay: 10 lines, 4 events, 2 accepted');
  });
});
