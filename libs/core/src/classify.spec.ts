import type { Catalog, CatalogEntry } from './catalog.js';
import { categoryOfStatus, classify, retryabilityOfStatus } from './classify.js';
import type { Classification } from './classify.js';
import { compileCatalogs } from './compile-catalog.js';
import type { AttachedCatalog } from './compile-catalog.js';
import { readResponse } from './envelope/index.js';
import type { ErrorEvent } from './event.js';

function entry(code: string, statuses: string[], over: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    code,
    aliases: [],
    statuses,
    section: '',
    title: code,
    meaning: 'm',
    causes: [],
    resolution: '',
    retry: { retryability: 'permanent' },
    category: 'validation',
    severity: 'low',
    expectation: 'normal',
    ...over,
  };
}

const api: Catalog = {
  slug: 'api',
  title: 'API',
  version: 7,
  entries: [
    entry('DENIED', ['403'], { severity: 'critical', expectation: 'never', category: 'authorization' }),
    entry('FULL', ['429'], { section: 'Scans', retry: { retryability: 'conditional', condition: 'later' } }),
    entry('FULL', ['409'], { section: 'Seats' }),
    entry('partition_required', ['400'], { aliases: ['ErrPartitionRequired'] }),
    entry('ANY', []),
    entry('BUSY', ['5XX'], { retry: { retryability: 'retryable' } }),
  ],
};
const http: Catalog = {
  slug: 'http',
  title: 'HTTP',
  version: 1,
  entries: [
    entry('429', ['429'], { retry: { retryability: 'retryable' }, category: 'rate_limit' }),
    entry('4XX', ['4XX'], { category: 'client' }),
  ],
};
const attached: AttachedCatalog[] = [
  { catalog: api, codesOnly: true },
  { catalog: http, codesOnly: false },
];

function classified(event: Partial<ErrorEvent>, catalogs = attached): Classification {
  const full: ErrorEvent = { eventId: '0', occurredAt: 0, ...event };
  return classify(full, compileCatalogs(catalogs), readResponse(full));
}

describe('classify', () => {
  it('matches the exact code first', () => {
    expect(classified({ error: { code: 'DENIED' }, http: { status: 403 } })).toEqual({
      code: 'DENIED',
      status: 403,
      catalog: 'api',
      catalogVersion: 7,
      entryCode: 'DENIED',
      section: '',
      category: 'authorization',
      severity: 'critical',
      retryability: 'permanent',
      expectation: 'never',
      matchedBy: 'code',
      mismatches: [],
      entry: api.entries[0],
    });
  });

  it.each(['ErrPartitionRequired', 'PARTITION-REQUIRED', 'partitionRequired', 'errpartitionrequired'])(
    'matches %s as another name and counts it as reported',
    (code) => {
      expect(classified({ error: { code } })).toMatchObject({
        code,
        entryCode: 'partition_required',
        matchedBy: 'alias',
      });
    },
  );

  it('picks the entry whose status fits and lists the others', () => {
    const found = classified({ error: { code: 'FULL' }, http: { status: 409 } });
    expect(found).toMatchObject({ section: 'Seats', retryability: 'permanent', mismatches: [] });
    expect(found.alternatives).toEqual([{ catalog: 'api', entryCode: 'FULL', section: 'Scans' }]);
  });

  it('picks the first entry where the status decides nothing', () => {
    expect(classified({ error: { code: 'FULL' } }).section).toBe('Scans');
    expect(classified({ error: { code: 'FULL' }, http: { status: 500 } })).toMatchObject({
      section: 'Scans',
      mismatches: ['status_undocumented'],
    });
  });

  it.each([
    ['DENIED', 500, ['status_undocumented']],
    ['DENIED', 0, []],
    ['ANY', 500, []],
    ['BUSY', 503, []],
    ['BUSY', 429, ['status_undocumented']],
  ])('compares %s seen with %d with its documentation', (code, status, mismatches) => {
    const event = status === 0 ? {} : { http: { status } };
    expect(classified({ error: { code }, ...event }).mismatches).toEqual(mismatches);
  });

  it('notices a Retry-After on an error documented as permanent', () => {
    const headers = { 'retry-after': '5' };
    expect(classified({ error: { code: 'DENIED' }, response: { headers } }).mismatches).toEqual([
      'retry_after_on_permanent',
    ]);
    expect(classified({ error: { code: 'BUSY' }, response: { headers } }).mismatches).toEqual([]);
    expect(classified({ error: { code: 'NEW' }, response: { headers } }).mismatches).toEqual([]);
  });

  it('falls back to the status and keeps a code that nobody documents', () => {
    expect(classified({ error: { code: 'NEW_CODE' }, http: { status: 429 } })).toMatchObject({
      code: 'NEW_CODE',
      entryCode: '429',
      catalog: 'http',
      matchedBy: 'status',
      retryability: 'retryable',
      category: 'rate_limit',
    });
  });

  it('takes the code of the entry where none was reported', () => {
    expect(classified({ http: { status: 429 } })).toMatchObject({ code: '429', matchedBy: 'status' });
    expect(classified({ http: { status: 418 } })).toMatchObject({ code: '4XX', matchedBy: 'status_class' });
  });

  it('falls back to HTTP where nothing is documented', () => {
    expect(classified({ http: { status: 503 } })).toEqual({
      code: 'UNCATALOGUED',
      status: 503,
      catalog: '',
      catalogVersion: 0,
      entryCode: '',
      section: '',
      category: 'availability',
      severity: 'high',
      retryability: 'retryable',
      expectation: 'normal',
      matchedBy: 'none',
      mismatches: [],
    });
    expect(classified({})).toMatchObject({ code: 'UNCATALOGUED', status: 0, severity: 'medium' });
    expect(classified({ error: { code: 'X' } }, [])).toMatchObject({ code: 'X', retryability: 'unknown' });
  });

  it('takes the status of the event before that of the response, and invents none', () => {
    expect(classified({ http: { status: 429 }, response: { status: 500 } }).status).toBe(429);
    expect(classified({ response: { status: 429 } }).status).toBe(429);
    expect(classified({ http: { status: 0 }, response: { status: 429 } }).status).toBe(429);
    expect(classified({ error: { code: 'DENIED' } }).status).toBe(0);
    expect(classified({ http: { status: 12345 } }).status).toBe(0);
  });

  it('reads the code out of the body', () => {
    const body = '{"success":false,"error":{"code":"DENIED","message":"no"}}';
    expect(classified({ response: { status: 403, body } })).toMatchObject({
      code: 'DENIED',
      matchedBy: 'code',
    });
  });

  it('keeps a stated code that does not look like one', () => {
    expect(classified({ error: { code: ' Something new ' } }).code).toBe('Something new');
    expect(classified({ error: { code: '  ' } }).code).toBe('UNCATALOGUED');
  });

  it('does not mistake names of object members for codes', () => {
    expect(classified({ error: { code: 'constructor' } }).matchedBy).toBe('none');
    expect(classified({ error: { code: '__proto__' } }).matchedBy).toBe('none');
  });
});

describe('HTTP statuses without documentation', () => {
  it.each([
    [401, 'authentication', 'conditional'],
    [402, 'billing', 'conditional'],
    [403, 'authorization', 'permanent'],
    [404, 'not_found', 'permanent'],
    [408, 'availability', 'retryable'],
    [409, 'conflict', 'conditional'],
    [418, 'client', 'permanent'],
    [422, 'validation', 'permanent'],
    [429, 'rate_limit', 'retryable'],
    [500, 'server', 'unknown'],
    [504, 'availability', 'retryable'],
    [599, 'server', 'unknown'],
    [200, 'other', 'unknown'],
    [0, 'other', 'unknown'],
  ])('%d is %s and %s', (status, category, retryability) => {
    expect([categoryOfStatus(status), retryabilityOfStatus(status)]).toEqual([category, retryability]);
  });
});
