import fc from 'fast-check';
import { MAX_MESSAGE_BYTES, buildAlertMessage, spanOf, summaryOf } from './alert-message.js';
import type { AlertMessageInput } from './alert-message.js';
import type { CatalogEntry } from './catalog.js';

const T = Date.UTC(2026, 10, 22, 12, 0, 0);
const entry: CatalogEntry = {
  code: 'TENANT_ACCESS_DENIED',
  aliases: [],
  statuses: ['403'],
  section: 'Tenants',
  title: 'Tenant access denied',
  meaning: 'Data of another tenant was asked for.',
  causes: ['A token of another tenant.'],
  resolution: 'Contact support.',
  retry: { retryability: 'permanent' },
  category: 'authorization',
  severity: 'critical',
  expectation: 'never',
  docsUrl: 'https://docs.example/errors#tenant',
};
const input: AlertMessageInput = {
  reason: 'fired',
  now: T,
  incident: {
    id: 'i1',
    phase: 'firing',
    severity: 'critical',
    labels: { code: 'TENANT_ACCESS_DENIED', tenant: 'acme' },
    value: 12,
    peak: 12,
    startedAt: T - 1_000,
    url: 'http://errata.example/api/v1/projects/1/incidents/i1',
  },
  rule: {
    id: 'r1',
    name: 'Never',
    kind: 'never',
    params: { windowSeconds: 300 },
    runbookUrl: 'https://run.example/',
  },
  project: { id: 1, name: 'Shop API' },
  code: 'TENANT_ACCESS_DENIED',
  tenant: 'acme',
  documented: { catalog: 'Aether 365', entry },
  retryability: 'permanent',
};
const threshold = {
  ...input.rule,
  name: 'Many errors',
  kind: 'threshold' as const,
  params: { windowSeconds: 3_600, threshold: 100 },
};

describe('summaryOf', () => {
  it.each<[string, Partial<AlertMessageInput>, string]>([
    ['never', {}, 'TENANT_ACCESS_DENIED: 12 events for acme in 5 min (this code should never occur)'],
    [
      'one event',
      { incident: { ...input.incident, value: 1 } },
      'TENANT_ACCESS_DENIED: 1 event for acme in 5 min (this code should never occur)',
    ],
    ['no tenant', { tenant: '' }, 'TENANT_ACCESS_DENIED: 12 events in 5 min (this code should never occur)'],
    [
      'several codes',
      { code: undefined },
      'Never: 12 events for acme in 5 min (such an error should never occur)',
    ],
    [
      'threshold',
      { rule: threshold },
      'TENANT_ACCESS_DENIED: 12 events for acme in 1 h (the threshold is 100)',
    ],
    [
      'resolved',
      { reason: 'resolved', incident: { ...input.incident, value: 0 } },
      'Resolved: TENANT_ACCESS_DENIED for acme (at its peak 12 events in 5 min)',
    ],
    [
      'deleted rule',
      { reason: 'resolved', code: undefined, tenant: undefined, rule: { id: 'r1', name: 'Deleted rule' } },
      'Resolved: Deleted rule (at its peak 12 events)',
    ],
  ])('%s', (_, change, expected) => {
    expect(summaryOf({ ...input, ...change })).toBe(expected);
  });
});

describe('spanOf', () => {
  it.each([
    [5, '5 s'],
    [90, '90 s'],
    [300, '5 min'],
    [3_600, '1 h'],
    [86_400, '24 h'],
  ])('%d', (seconds, text) => {
    expect(spanOf(seconds)).toBe(text);
  });
});

describe('buildAlertMessage', () => {
  it('names code, tenant, count, documented meaning and fix', () => {
    expect(buildAlertMessage(input)).toEqual({
      type: 'incident.firing',
      timestamp: '2026-11-22T12:00:00.000Z',
      data: {
        summary: 'TENANT_ACCESS_DENIED: 12 events for acme in 5 min (this code should never occur)',
        incident: {
          id: 'i1',
          state: 'firing',
          severity: 'critical',
          labels: { code: 'TENANT_ACCESS_DENIED', tenant: 'acme' },
          value: 12,
          peak: 12,
          started_at: '2026-11-22T11:59:59.000Z',
          resolved_at: null,
          url: 'http://errata.example/api/v1/projects/1/incidents/i1',
        },
        rule: { id: 'r1', name: 'Never', kind: 'never', runbook_url: 'https://run.example/' },
        project: { id: 1, name: 'Shop API' },
        code: 'TENANT_ACCESS_DENIED',
        tenant: 'acme',
        count: 12,
        window_seconds: 300,
        documented: {
          catalog: 'Aether 365',
          section: 'Tenants',
          title: 'Tenant access denied',
          meaning: 'Data of another tenant was asked for.',
          causes: ['A token of another tenant.'],
          resolution: 'Contact support.',
          retry: { retryability: 'permanent' },
          docs_url: 'https://docs.example/errors#tenant',
        },
        retryability: 'permanent',
      },
    });
  });

  it('says null where nothing is documented and the series has no one code', () => {
    const { data } = buildAlertMessage({
      ...input,
      code: undefined,
      tenant: '',
      documented: undefined,
      retryability: undefined,
    });
    expect(data).toMatchObject({ code: null, tenant: null, documented: null, retryability: null });
  });

  it('tells when an incident ended and how bad it was', () => {
    const message = buildAlertMessage({
      ...input,
      reason: 'resolved',
      incident: { ...input.incident, phase: 'resolved', value: 0.004, resolvedAt: T },
    });
    expect(message).toMatchObject({
      type: 'incident.resolved',
      data: {
        count: 12,
        incident: { state: 'resolved', value: 0, peak: 12, resolved_at: '2026-11-22T12:00:00.000Z' },
      },
    });
  });

  it('stays under 20 kB and well-formed whatever the texts hold', () => {
    const long = fc.string({ unit: 'grapheme', maxLength: 200 }).map((text) => text.repeat(80));
    fc.assert(
      fc.property(
        long,
        long,
        fc.array(long, { maxLength: 40 }),
        fc.dictionary(fc.string(), long),
        (a, b, causes, labels) => {
          const message = buildAlertMessage({
            ...input,
            code: a,
            tenant: b,
            incident: { ...input.incident, labels },
            documented: {
              catalog: a,
              entry: { ...entry, meaning: a, resolution: b, causes, docsUrl: `https://x.example/${b}` },
            },
          });
          const json = JSON.stringify(message);
          expect(Buffer.byteLength(json)).toBeLessThan(MAX_MESSAGE_BYTES);
          expect(json).not.toMatch(/\\ud[89a-f]/);
          expect(message.data.incident.url).toBe(input.incident.url);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('drops a link that is too long instead of cutting it', () => {
    const docsUrl = `https://x.example/${'a'.repeat(2_000)}`;
    const { data } = buildAlertMessage({
      ...input,
      documented: { catalog: 'c', entry: { ...entry, docsUrl } },
    });
    expect(data.documented!.docs_url).toBeNull();
  });

  it('cuts long texts and leaves short ones alone', () => {
    const { data } = buildAlertMessage({
      ...input,
      documented: { catalog: 'c', entry: { ...entry, meaning: 'm'.repeat(30_000) } },
    });
    expect(data.documented!.meaning).toHaveLength(4_000);
    expect(data.documented!.meaning.endsWith('…')).toBe(true);
    expect(data.documented!.resolution).toBe('Contact support.');
  });
});
