import {
  ApiError,
  INTERVALS,
  MAX_BUCKETS,
  codeParams,
  listParams,
  noParams,
  seriesParams,
  summaryParams,
  topParams,
} from '@errata/contracts';
import type { IntervalName } from '@errata/contracts';
import { DAY, HOUR, MINUTE } from '@errata/core';
import { closest } from './closest.js';
import { parseParams, parseTime, readFilters, readInterval, readWindow } from './parse-query.js';

const NOW = Date.UTC(2026, 10, 22, 9, 30, 15, 250);

function thrown(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parseParams', () => {
  it('fills in what is usual', () => {
    expect(parseParams(listParams, {})).toEqual({ from: '-24h', to: 'now', limit: 100 });
    expect(parseParams(seriesParams, {})).toEqual({ from: '-24h', to: 'now', limit: 10, interval: 'auto' });
  });

  it.each<[string | string[], string[]]>([
    ['A', ['A']],
    ['A,B', ['A', 'B']],
    [
      ['A', 'B,C'],
      ['A', 'B', 'C'],
    ],
    ['Acme\\, Inc.,B', ['Acme, Inc.', 'B']],
    ['', ['']],
    ['A,', ['A', '']],
  ])('reads the list %j', (raw, values) => {
    expect(parseParams(summaryParams, { tenant: raw }).tenant).toEqual(values);
  });

  it('names an unknown parameter, what was meant, and what there is', () => {
    const error = thrown(() => parseParams(summaryParams, { tenat: 'a', zzzzzzzz: '1' }));
    expect(error.code).toBe('UNKNOWN_FILTER');
    expect(error.message).toContain('`tenat` is not known here; did you mean `tenant`?');
    expect(error.message).toContain('`zzzzzzzz` is not known here.');
    expect(error.message).toContain('Known here: from, to, code, tenant');
    expect(error.options.errors!.map(({ field }) => field)).toEqual(['tenat', 'zzzzzzzz']);
    expect(thrown(() => parseParams(noParams, { a: '1' })).message).toContain('takes no parameters');
    expect(thrown(() => parseParams(codeParams, { code: 'X' })).code).toBe('UNKNOWN_FILTER');
    expect(thrown(() => parseParams(summaryParams, { limit: '5' })).code).toBe('UNKNOWN_FILTER');
  });

  it.each<[string, string | string[], string]>([
    ['retryability', 'sometimes', 'must be one of retryable, conditional, permanent, unknown'],
    ['category', 'authorization,nope', 'must be one of authentication, authorization'],
    ['status', '40', 'must be an HTTP status like 404, or a class like 5xx'],
    ['status', '600', 'must be an HTTP status'],
    ['limit', '0', 'must be between 1 and 1000'],
    ['limit', '1001', 'must be between 1 and 1000'],
    ['limit', '1.5', 'must be a whole number'],
    ['limit', 'ten', 'must be a whole number'],
    ['limit', ['1', '2'], 'must be given once'],
    ['from', ['now', 'now'], 'must be given once'],
    ['tenant', 'x'.repeat(201), 'must be at most 200 characters'],
    ['code', Array.from({ length: 101 }, String), 'must be at most 100 values'],
  ])('refuses %s=%j', (field, value, message) => {
    const error = thrown(() => parseParams(listParams, { [field]: value }));
    expect(error.code).toBe('INVALID_PARAMETER');
    expect(error.options.errors).toEqual([{ field, message: expect.stringContaining(message) }]);
    expect(error.message).toContain(`\`${field}\``);
  });

  it('says what a required parameter may be', () => {
    const error = thrown(() => parseParams(topParams, {}));
    expect(error.options.errors).toEqual([
      { field: 'by', message: expect.stringMatching(/^is required and must be one of code, tenant/) },
    ]);
  });
});

describe('parseTime', () => {
  it.each<[string, number]>([
    ['now', NOW],
    ['-24h', NOW - DAY],
    ['now-90s', NOW - 90_000],
    ['-2w', NOW - 14 * DAY],
    ['2026-11-22T09:00:00Z', Date.UTC(2026, 10, 22, 9)],
    ['2026-11-22t09:00:00.125z', Date.UTC(2026, 10, 22, 9, 0, 0, 125)],
    ['2026-11-22T11:00:00+02:00', Date.UTC(2026, 10, 22, 9)],
    ['2026-11-22T11:00:00 02:00', Date.UTC(2026, 10, 22, 9)],
  ])('reads %s', (text, at) => {
    expect(parseTime(text, NOW)).toBe(at);
  });

  it.each([
    '',
    'yesterday',
    '24h',
    '-24',
    '2026-11-22',
    '2026-02-30T00:00:00Z',
    '1763800000',
    '2026-11-22T09:00:00',
  ])('refuses %j', (text) => {
    expect(parseTime(text, NOW)).toBeUndefined();
  });
});

describe('readWindow', () => {
  it('reads both ends', () => {
    expect(readWindow({ from: '-1h', to: 'now' }, NOW)).toEqual({ from: NOW - HOUR, to: NOW });
  });

  it.each([
    ['now', '-1h', 'must start before it ends'],
    ['now', 'now', 'must start before it ends'],
    ['-401d', 'now', 'must span at most 400 days'],
    ['-999999999w', 'now', 'must lie between'],
    ['1969-12-31T23:59:59Z', '1970-01-02T00:00:00Z', 'must lie between'],
  ])('refuses %s to %s and names both ends', (from, to, message) => {
    const error = thrown(() => readWindow({ from, to }, NOW));
    expect(error.code).toBe('INVALID_RANGE');
    expect(error.message).toContain(message);
    expect(error.options.errors!.map(({ field }) => field)).toEqual(['from', 'to']);
  });

  it('names each end that is no time', () => {
    const error = thrown(() => readWindow({ from: 'a', to: 'b' }, NOW));
    expect(error.code).toBe('INVALID_PARAMETER');
    expect(error.options.errors!.map(({ field }) => field)).toEqual(['from', 'to']);
  });
});

describe('readFilters', () => {
  it('leaves out what was not asked and spells statuses out', () => {
    expect(readFilters({}, null)).toEqual({});
    const { status } = readFilters({ status: ['404', '5xx', ''] }, null);
    expect(status).toHaveLength(102);
    expect(status).toEqual(expect.arrayContaining([404, 500, 599, 0]));
  });

  it.each<[string[] | undefined, string | null, string[] | undefined]>([
    [undefined, null, undefined],
    [['a', 'b'], null, ['a', 'b']],
    [undefined, 'a', ['a']],
    [['a', 'b'], 'a', ['a']],
    [['b'], 'a', []],
    [[''], 'a', []],
  ])('asked for %j with a token of %j, looks at %j', (tenant, only, expected) => {
    expect(readFilters({ tenant }, only).tenant).toEqual(expected);
  });
});

describe('readInterval', () => {
  it.each<[number, IntervalName]>([
    [10 * MINUTE, '1m'],
    [HOUR, '1m'],
    [DAY, '10m'],
    [7 * DAY, '1h'],
    [30 * DAY, '6h'],
    [400 * DAY, '1d'],
  ])('chooses for a range of %d ms a bucket of %s', (range, name) => {
    expect(readInterval('auto', { from: NOW - range, to: NOW })).toEqual({ name, length: INTERVALS[name] });
  });

  it('refuses more buckets than fit and says which interval would do', () => {
    const error = thrown(() => readInterval('1m', { from: NOW - 30 * DAY, to: NOW }));
    expect(error.code).toBe('INVALID_PARAMETER');
    expect(error.options.errors).toEqual([
      { field: 'interval', message: expect.stringContaining('30m or longer') },
    ]);
    const fits = { from: NOW - (MAX_BUCKETS - 1) * MINUTE, to: NOW };
    expect(readInterval('1m', fits).name).toBe('1m');
    expect(thrown(() => readInterval('1m', { from: fits.from - MINUTE, to: NOW })).code).toBe(
      'INVALID_PARAMETER',
    );
  });
});

describe('closest', () => {
  it.each([
    ['tennant', 'tenant'],
    ['Code', 'code'],
    ['enviroment', 'environment'],
    ['q', undefined],
    ['completely-else', undefined],
  ])('takes %s for %s', (name, expected) => {
    expect(closest(name, ['code', 'tenant', 'environment', 'service', 'status'])).toBe(expected);
  });
});
