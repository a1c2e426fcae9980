import fc from 'fast-check';
import type { Catalog, CatalogEntry } from './catalog.js';
import { classify } from './classify.js';
import { compileCatalogs } from './compile-catalog.js';
import { readResponse } from './envelope/index.js';
import { CATEGORIES, EXPECTATIONS, RETRYABILITIES, SEVERITIES } from './event.js';
import type { ErrorEvent } from './event.js';

const codes = ['DENIED', 'FULL', 'partition_required', '404', '5XX', '4XX'];
const code = fc.constantFrom(...codes);

const entry: fc.Arbitrary<CatalogEntry> = fc.record({
  code,
  aliases: fc.array(fc.constantFrom('Alias', 'ErrFull'), { maxLength: 1 }),
  statuses: fc.uniqueArray(fc.constantFrom('400', '403', '404', '429', '500', '5XX'), { maxLength: 2 }),
  section: fc.constantFrom('', 'A', 'B'),
  title: fc.constant('t'),
  meaning: fc.constant('m'),
  causes: fc.constant([]),
  resolution: fc.constant(''),
  retry: fc.record({ retryability: fc.constantFrom(...RETRYABILITIES) }),
  category: fc.constantFrom(...CATEGORIES),
  severity: fc.constantFrom(...SEVERITIES),
  expectation: fc.constantFrom(...EXPECTATIONS),
});

const catalog: fc.Arbitrary<Catalog> = fc.record({
  slug: fc.constantFrom('a', 'b'),
  title: fc.constant('t'),
  version: fc.nat(),
  entries: fc.array(entry, { maxLength: 6 }),
});

const attached = fc.array(fc.record({ catalog, codesOnly: fc.boolean() }), { maxLength: 3 });

const body = fc.oneof(
  fc.record({ error: fc.record({ code, message: fc.string() }) }),
  fc.record({ error: fc.string(), code: fc.option(code) }),
  fc.record({ errors: fc.array(fc.record({ message: fc.string(), code: fc.option(code) })) }),
  fc.anything(),
  fc.json(),
  fc.string({ unit: 'binary' }),
);

const event: fc.Arbitrary<ErrorEvent> = fc.record(
  {
    eventId: fc.uuid(),
    occurredAt: fc.nat(),
    http: fc.record(
      { status: fc.integer({ min: 0, max: 700 }), retryAfter: fc.string() },
      { requiredKeys: [] },
    ),
    error: fc.record(
      { code: fc.oneof(code, fc.constantFrom('Alias', 'full'), fc.string()), message: fc.string() },
      { requiredKeys: [] },
    ),
    response: fc.record(
      {
        status: fc.integer({ min: 0, max: 700 }),
        headers: fc.dictionary(fc.constantFrom('retry-after', 'x-request-id', 'content-type'), fc.string()),
        body,
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['eventId', 'occurredAt'] },
);

describe('classify', () => {
  it('always answers, with an entry of an attached catalog or with none', () => {
    fc.assert(
      fc.property(attached, event, (catalogs, one) => {
        const found = classify(one, compileCatalogs(catalogs), readResponse(one));
        expect(found.code).not.toBe('');
        expect(found.matchedBy === 'none').toBe(found.entry === undefined);
        if (found.entry === undefined) return;
        expect(catalogs.flatMap(({ catalog: each }) => each.entries)).toContain(found.entry);
        expect(found.retryability).toBe(found.entry.retry.retryability);
      }),
    );
  });

  it('says the same twice', () => {
    fc.assert(
      fc.property(attached, event, (catalogs, one) => {
        const again = structuredClone(catalogs);
        expect(classify(one, compileCatalogs(again), readResponse(one))).toEqual(
          classify(one, compileCatalogs(catalogs), readResponse(one)),
        );
      }),
    );
  });

  it('does not depend on ids, times, tenants or what messages say', () => {
    const changes = fc.record({
      eventId: fc.uuid(),
      occurredAt: fc.nat(),
      requestId: fc.uuid(),
      tenant: fc.string(),
      user: fc.string(),
    });
    const sent = fc.record({ code: fc.option(code), status: fc.constantFrom(400, 403, 404, 429, 500) });
    fc.assert(
      fc.property(
        attached,
        sent,
        changes,
        fc.string(),
        fc.string(),
        (catalogs, one, change, before, after) => {
          const compiled = compileCatalogs(catalogs);
          const classified = (base: Partial<ErrorEvent>, message: string) => {
            const response = { status: one.status, body: { error: message, code: one.code } };
            const full: ErrorEvent = { eventId: '0', occurredAt: 0, ...base, error: { message }, response };
            return classify(full, compiled, readResponse(full));
          };
          expect(classified(change, after)).toEqual(classified({}, before));
        },
      ),
    );
  });

  it('leads no bare status to a code that must never occur', () => {
    fc.assert(
      fc.property(attached, fc.integer({ min: 100, max: 599 }), (catalogs, status) => {
        const one: ErrorEvent = { eventId: '0', occurredAt: 0, http: { status } };
        const found = classify(one, compileCatalogs(catalogs), readResponse(one));
        const ownStatus = /^\d(\d\d|XX)$/.test(found.entryCode);
        expect(found.expectation === 'never' && !ownStatus).toBe(false);
      }),
    );
  });
});

describe('readResponse', () => {
  it('never throws, and what it returns can be stored', () => {
    fc.assert(
      fc.property(event, (one) => {
        const { code: read, message, requestId, details, others } = readResponse(one);
        for (const value of [read, message, requestId, ...others]) {
          if (value === undefined) continue;
          expect(value).not.toBe('');
          expect(value).not.toContain('\u0000');
          expect(value.length).toBeLessThanOrEqual(2_000);
        }
        expect(others.length).toBeLessThanOrEqual(20);
        const kept = JSON.stringify(details) ?? '';
        expect(kept).not.toContain('\\u0000');
        expect(kept).not.toMatch(/\\ud[89a-f]/);
      }),
      { numRuns: 500 },
    );
  });

  it('reads a body alike whether it was parsed or not', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const one = (given: unknown): ErrorEvent => ({
          eventId: '0',
          occurredAt: 0,
          response: { body: given },
        });
        const parsed: unknown = JSON.parse(JSON.stringify(value));
        if (typeof parsed === 'string') return;
        expect(readResponse(one(JSON.stringify(value)))).toEqual(readResponse(one(parsed)));
      }),
    );
  });
});
