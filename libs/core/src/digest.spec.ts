import { compileCatalogs } from './compile-catalog.js';
import { digestBatch } from './digest.js';
import type { CardinalityState } from './digest.js';
import { OTHER } from './event.js';
import type { ErrorEvent } from './event.js';
import type { CatalogEntry } from './catalog.js';

const AT = Date.UTC(2026, 10, 22, 10);
const event = (code: string, tenant = 'acme', occurredAt = AT): ErrorEvent => ({
  eventId: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  occurredAt,
  tenant,
  error: { code },
});
const documented: CatalogEntry = {
  code: 'TENANT_ACCESS_DENIED',
  aliases: [],
  statuses: ['403'],
  section: '',
  title: '',
  meaning: 'm',
  causes: [],
  resolution: 'r',
  retry: { retryability: 'permanent' },
  category: 'authorization',
  severity: 'critical',
  expectation: 'never',
};
const catalogs = compileCatalogs([
  { codesOnly: false, catalog: { slug: 'c', title: 'c', version: 1, entries: [documented] } },
]);
const LIMITS = { codes: 3, tenants: 2 };

describe('digestBatch', () => {
  it('counts made-up codes past the limit under __other__ and keeps the rows as they are', () => {
    const { rows } = digestBatch(
      1,
      ['a', 'b', 'c', 'd', 'a'].map((code) => event(code)),
      catalogs,
      new Map(),
      LIMITS,
    );
    expect(rows.map((row) => row.rollupCode)).toEqual(['a', 'b', 'c', OTHER, 'a']);
    expect(rows.map((row) => row.code)).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  it('never hides a documented code behind a flood of made-up ones', () => {
    const flood = Array.from({ length: 20 }, (_, i) => event(`MADE_UP_${i}`));
    const { rows } = digestBatch(1, [...flood, event('TENANT_ACCESS_DENIED')], catalogs, new Map(), LIMITS);
    expect(rows.at(-1)).toMatchObject({
      rollupCode: 'TENANT_ACCESS_DENIED',
      classification: { expectation: 'never' },
    });
  });

  it('bounds tenants by the minute, over batches', () => {
    const state: CardinalityState = new Map();
    const tenantsOf = (events: ErrorEvent[]) =>
      digestBatch(1, events, catalogs, state, LIMITS).rows.map((row) => row.rollupTenant);
    expect(tenantsOf([event('a', 't1'), event('a', 't2')])).toEqual(['t1', 't2']);
    expect(tenantsOf([event('a', 't3'), event('a', 't1'), event('a', 't3', AT + 60_000)])).toEqual([
      OTHER,
      't1',
      't3',
    ]);
  });

  it('gives the same rows for the same batch, however often it is delivered', () => {
    const batch = [event('a'), event('TENANT_ACCESS_DENIED', 't2'), event('b', 't3')];
    expect(digestBatch(1, batch, catalogs)).toEqual(digestBatch(1, batch, catalogs));
  });
});
