import { HOUR, MINUTE, OTHER, compileCatalogs, digestBatch } from '@errata/core';
import type { CardinalityLimits, ErrorEvent } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import { anEvent, createTestDatabase, createTestProject } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { openStorage } from '../storage.js';
import type { Storage } from '../storage.js';
import { commitDigest } from '../write/digest.js';
import { loadProjectCatalogs } from '../write/project-catalogs.js';
import { codesStatement, readCode, readCodes } from './codes.js';
import { DIMENSIONS } from './filters.js';
import type { EventFilters, Selection } from './filters.js';
import { outcomesStatement, readOutcomeTotals, readOutcomes } from './outcomes.js';
import { groupedSeriesStatement, plainSeriesStatement, readSeries } from './series.js';
import type { Statement } from './statement.js';
import { readSummary, readTop, summaryStatement, topStatement } from './summary.js';
import { readTenants, tenantsStatement } from './tenants.js';

const T0 = Date.UTC(2026, 10, 20, 9, 0, 0);

let database: TestDatabase;
let storage: Storage;
let projectId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ projectId } = await createTestProject(database.url));
  storage = await openStorage({ databaseUrl: database.url, poolSize: 4 });
  await commit(mixedEvents());
  await commit([anEvent({ occurredAt: T0 - 30 * MINUTE, tenant: 'acme' })]);
  // Another project's events must never be counted.
  await commit(mixedEvents().slice(0, 50), projectId + 1);
});
afterAll(async () => {
  await storage?.close();
  await database?.drop();
});

async function commit(events: ErrorEvent[], project = projectId, limits?: CardinalityLimits): Promise<void> {
  const catalogs = compileCatalogs(await loadProjectCatalogs(storage.db, projectId));
  const { rows } = digestBatch(project, events, catalogs, new Map(), limits);
  await commitDigest(storage, {
    projectId: project,
    batchId: uuidV7(T0),
    createdAt: T0,
    receivedAt: T0,
    rows,
    rejected: [{ outcome: 'invalid', reason: 'TENANT_REQUIRED', count: 2 }],
    deadLetters: [],
  });
}

// 300 events over three hours with skewed codes, tenants and statuses.
function mixedEvents(): ErrorEvent[] {
  return Array.from({ length: 300 }, (_, i) =>
    anEvent({
      occurredAt: T0 + ((i * 7_919) % (3 * 60)) * MINUTE + (i % 60) * 1_000,
      error: { code: ['TENANT_ACCESS_DENIED', 'RATE_LIMIT_EXCEEDED', 'MADE_UP_CODE'][(i % 7) % 3]! },
      http: { status: [403, 429, 500][(i % 5) % 3]! },
      environment: i % 10 === 0 ? 'staging' : 'production',
      ...(i % 4 === 0 ? { tenant: undefined } : { tenant: `tenant-${i % 9}` }),
    }),
  );
}

const select = (filters: EventFilters = {}, from = T0, to = T0 + 3 * HOUR): Selection => ({
  projectId,
  window: { from, to },
  filters,
});

const raw = async (condition = 'true'): Promise<number> => {
  const [row] = await database.query<{ n: string }>(
    `SELECT count(*) AS n FROM error_event e
     JOIN classification c ON c.project_id = e.project_id AND c.id = e.class_id
     LEFT JOIN dimension_value code ON code.project_id = e.project_id AND code.id = e.code_id
     LEFT JOIN dimension_value tenant ON tenant.project_id = e.project_id AND tenant.id = e.tenant_id
     LEFT JOIN dimension_value environment ON environment.project_id = e.project_id AND environment.id = e.environment_id
     WHERE e.project_id = ${projectId} AND e.occurred_at >= to_timestamp(${T0 / 1000})
       AND e.occurred_at < to_timestamp(${(T0 + 3 * HOUR) / 1000}) AND ${condition}`,
  );
  return Number(row!.n);
};

describe('readSummary', () => {
  it('counts what the raw rows hold, with the window before', async () => {
    const summary = await readSummary(storage.db, select());
    expect(summary).toMatchObject({ total: 300, previousTotal: 1, distinctCodes: 3 });
    expect(await raw()).toBe(300);
    const sum = (items: Array<{ count: number }>) => items.reduce((total, { count }) => total + count, 0);
    expect([sum(summary.byStatus), sum(summary.byCategory), sum(summary.byRetryability)]).toEqual([
      300, 300, 300,
    ]);
    for (const { value, count } of summary.byRetryability)
      expect(await raw(`c.retryability = '${value}'`)).toBe(count);
    for (const { value, count } of summary.byStatus) expect(await raw(`e.status = ${value}`)).toBe(count);
    const [row] = await database.query<{ at: Date; tenants: string }>(
      `SELECT max(occurred_at) AS at, count(DISTINCT tenant_id) FILTER (WHERE tenant_id <> 0) AS tenants
       FROM error_event WHERE project_id = ${projectId} AND occurred_at >= to_timestamp(${T0 / 1000})`,
    );
    expect(summary.newestAt).toBe(row!.at.getTime());
    expect(summary.distinctTenants).toBe(Number(row!.tenants));
  });

  it.each<[EventFilters, string]>([
    [{ code: ['TENANT_ACCESS_DENIED'] }, `code.value = 'TENANT_ACCESS_DENIED'`],
    [{ tenant: ['tenant-1', 'tenant-2', 'never seen'] }, `tenant.value IN ('tenant-1', 'tenant-2')`],
    [{ tenant: [''] }, 'e.tenant_id = 0'],
    [{ environment: ['staging'], status: [403] }, `environment.value = 'staging' AND e.status = 403`],
    [{ retryability: ['retryable'] }, `c.retryability = 'retryable'`],
    [
      { category: ['authorization'], severity: ['critical'] },
      `c.category = 'authorization' AND c.severity = 'critical'`,
    ],
  ])('passes only what the filters %j let through', async (filters, condition) => {
    const expected = await raw(condition);
    expect(expected).toBeGreaterThan(0);
    expect((await readSummary(storage.db, select(filters))).total).toBe(expected);
  });

  it.each<EventFilters>([
    { code: ['NOBODY_KNOWS_IT'] },
    { tenant: ['nul\0byte'] },
    { tenant: [] },
    { service: [''] },
  ])('finds nothing, without an error, for %j', async (filters) => {
    expect(await readSummary(storage.db, select(filters))).toMatchObject({
      total: 0,
      byStatus: [],
      previousTotal: 0,
    });
    expect((await readSeries(storage.db, select(filters), { interval: HOUR })).lines).toEqual([
      { value: null, total: 0, counts: [0, 0, 0] },
    ]);
    expect(await readTop(storage.db, select(filters), 'code', 5)).toMatchObject({ total: 0, items: [] });
  });

  it('widens the window to whole minutes and says so', async () => {
    const { window } = await readSummary(storage.db, select({}, T0 + 1, T0 + MINUTE + 1));
    expect(window).toEqual({ from: T0, to: T0 + 2 * MINUTE });
  });
});

describe('readTop', () => {
  it.each(DIMENSIONS)('ranks every value of %s and adds up to the total', async (by) => {
    const top = await readTop(storage.db, select(), by, 100);
    expect(top.items.reduce((sum, item) => sum + item.count, 0)).toBe(300);
    expect(top).toMatchObject({ total: 300, values: top.items.length });
    expect(top.items.map((item) => item.count)).toEqual(
      top.items.map((item) => item.count).sort((a, b) => b - a),
    );
  });

  it('keeps total and number of values when the list is cut, and names what was there before', async () => {
    const all = await readTop(storage.db, select(), 'tenant', 100);
    const cut = await readTop(storage.db, select(), 'tenant', 2);
    expect(cut).toEqual({ ...all, items: all.items.slice(0, 2) });
    expect(all.items.some((item) => item.value === null)).toBe(true);
    const codes = await readTop(storage.db, select(), 'code', 10);
    expect(codes.items.find((item) => item.value === 'TENANT_ACCESS_DENIED')!.previous).toBe(1);
  });
});

describe('readSeries', () => {
  it('fills every bucket and adds up to the total whatever the interval and edges', async () => {
    for (const interval of [MINUTE, 5 * MINUTE, HOUR, 6 * HOUR]) {
      const selection = select({}, T0 + 17 * MINUTE, T0 + 2 * HOUR + 3 * MINUTE);
      const series = await readSeries(storage.db, selection, { interval });
      const { total } = await readSummary(storage.db, selection);
      expect(series.lines).toHaveLength(1);
      expect(series.lines[0]!.counts).toHaveLength(series.buckets.length);
      expect(series.lines[0]!.counts.reduce((sum, count) => sum + count, 0)).toBe(total);
      expect(
        series.buckets.every(
          (at, i) => at % interval === 0 && (i === 0 || at - series.buckets[i - 1]! === interval),
        ),
      ).toBe(true);
    }
  });

  it('puts an event into the bucket of its minute', async () => {
    const series = await readSeries(storage.db, select(), { interval: HOUR });
    const perHour = [0, 1, 2].map((hour) =>
      raw(
        `e.occurred_at >= to_timestamp(${(T0 + hour * HOUR) / 1000}) AND e.occurred_at < to_timestamp(${(T0 + (hour + 1) * HOUR) / 1000})`,
      ),
    );
    expect(series.lines[0]!.counts).toEqual(await Promise.all(perHour));
  });

  it('draws the largest values and puts the rest under __other__', async () => {
    const top = await readTop(storage.db, select(), 'tenant', 100);
    const series = await readSeries(storage.db, select(), {
      interval: HOUR,
      group: { by: 'tenant', limit: 3 },
    });
    expect(series.lines.slice(0, 3).map(({ value, total }) => [value, total])).toEqual(
      top.items.slice(0, 3).map(({ value, count }) => [value, count]),
    );
    expect(series.lines[3]).toMatchObject({ value: OTHER });
    expect(series.lines.reduce((sum, line) => sum + line.total, 0)).toBe(300);
  });

  it('joins what the digest counted under __other__ with the rest of the ranking', async () => {
    const at = T0 - 48 * HOUR;
    const events = Array.from({ length: 40 }, (_, i) =>
      anEvent({ occurredAt: at + i, tenant: `flood-${i % 20}` }),
    );
    await commit(events, projectId, { codes: 10, tenants: 2 });
    const selection = select({}, at, at + HOUR);
    const series = await readSeries(storage.db, selection, {
      interval: HOUR,
      group: { by: 'tenant', limit: 1 },
    });
    expect(series.lines.map(({ value, total }) => [value, total])).toEqual([
      ['flood-0', 2],
      [OTHER, 38],
    ]);
  });
});

describe('readCodes and readTenants', () => {
  const pages = async <T>(read: (after?: string) => Promise<{ items: T[]; next?: string }>) => {
    const all: T[] = [];
    for (let after: string | undefined, i = 0; i < 50; i++) {
      const { items, next } = await read(after);
      all.push(...items);
      if (next === undefined) return all;
      after = next;
    }
    throw new Error('the pages never end');
  };

  it('lists every code once over pages, with counts, tenants and first sight', async () => {
    const codes = await pages(async (after) => {
      const { codes: items, next } = await readCodes(storage.db, select(), {
        limit: 2,
        ...(after ? { after } : {}),
      });
      return { items, ...(next ? { next } : {}) };
    });
    expect(codes.map((seen) => seen.code)).toEqual([
      'MADE_UP_CODE',
      'RATE_LIMIT_EXCEEDED',
      'TENANT_ACCESS_DENIED',
    ]);
    for (const seen of codes) expect(await raw(`code.value = '${seen.code}'`)).toBe(seen.count);
    const denied = codes[2]!;
    expect(denied.class).toMatchObject({
      catalog: 'aether365',
      entryCode: 'TENANT_ACCESS_DENIED',
      matchedBy: 'code',
    });
    const [first] = await database.query<{ at: Date }>(
      `SELECT min(s.first_seen_at) AS at FROM code_tenant_first_seen s JOIN dimension_value d ON d.id = s.code_id
       WHERE s.project_id = ${projectId} AND d.value = 'TENANT_ACCESS_DENIED'`,
    );
    expect(denied.firstSeenAt).toBe(first!.at.getTime());
  });

  it('lists every tenant once over pages, and leaves out what names none', async () => {
    const tenants = await pages(async (after) => {
      const { tenants: items, next } = await readTenants(storage.db, select(), {
        limit: 2,
        ...(after ? { after } : {}),
      });
      return { items, ...(next ? { next } : {}) };
    });
    expect(tenants.map((seen) => seen.tenant)).toEqual(Array.from({ length: 9 }, (_, i) => `tenant-${i}`));
    expect(tenants.reduce((sum, seen) => sum + seen.count, 0)).toBe(await raw('e.tenant_id <> 0'));
    for (const { tenant, topCode, codes } of tenants) {
      const { items } = await readTop(storage.db, select({ tenant: [tenant] }), 'code', 10);
      expect(items[0]!.count).toBe(items.find((item) => item.value === topCode)!.count);
      expect(codes).toBe(items.length);
    }
  });

  it('reads one code whole, and for one tenant only', async () => {
    const all = await readCode(storage.db, select(), 'RATE_LIMIT_EXCEEDED');
    expect(all.summary.total).toBe(await raw(`code.value = 'RATE_LIMIT_EXCEEDED'`));
    expect(all.classes.reduce((sum, seen) => sum + seen.count, 0)).toBe(all.summary.total);
    const one = await readCode(storage.db, select({ tenant: ['tenant-1'] }), 'RATE_LIMIT_EXCEEDED');
    expect(one.tenants.items.map((item) => item.value)).toEqual(['tenant-1']);
    expect(one.summary.total).toBe(
      await raw(`code.value = 'RATE_LIMIT_EXCEEDED' AND tenant.value = 'tenant-1'`),
    );
    const none = await readCode(storage.db, select({ tenant: ['nobody'] }), 'RATE_LIMIT_EXCEEDED');
    expect(none.summary.total).toBe(0);
    expect(none.firstSeenAt).toBeUndefined();
  });
});

describe('readOutcomes', () => {
  it('counts outcomes and reasons by the minute of receipt', async () => {
    const window = { from: T0, to: T0 + HOUR };
    const { totals, lines, buckets } = await readOutcomes(storage.db, projectId, window, 30 * MINUTE);
    const [row] = await database.query<{ n: string }>(
      `SELECT sum(count) AS n FROM outcome_minute WHERE project_id = ${projectId} AND outcome = 'accepted'`,
    );
    const accepted = totals.find((total) => total.outcome === 'accepted')!;
    expect(accepted).toEqual({ outcome: 'accepted', total: Number(row!.n), reasons: [] });
    expect(totals.find((total) => total.outcome === 'invalid')!.reasons).toEqual([
      { reason: 'TENANT_REQUIRED', count: expect.any(Number) },
    ]);
    expect(buckets).toHaveLength(2);
    expect(lines.find((line) => line.value === 'accepted')!.counts).toEqual([accepted.total, 0]);
    expect(await readOutcomeTotals(storage.db, projectId, window)).toEqual(totals);
  });
});

describe('plans', () => {
  const window = { from: T0, to: T0 + HOUR };
  const filters = { code: [1], tenant: [1], class: [1], status: [403] };
  const page = { limit: 10, after: 'A' };
  const statements = (): Array<[string, Statement]> => [
    ['summary', summaryStatement(projectId, window, filters)],
    ...DIMENSIONS.map((by): [string, Statement] => [
      `top ${by}`,
      topStatement(projectId, window, filters, by, 10),
    ]),
    ['series', plainSeriesStatement(projectId, window, filters, MINUTE)],
    ['grouped', groupedSeriesStatement(projectId, window, filters, MINUTE, { by: 'code', limit: 5 })],
    ['codes', codesStatement(projectId, window, filters, page)],
    ['tenants', tenantsStatement(projectId, window, filters, page)],
    ['outcomes', outcomesStatement(projectId, window, MINUTE)],
  ];

  it('never touch the raw events', async () => {
    for (const [name, { text, values }] of statements()) {
      const rows = await database.query<Record<'QUERY PLAN', string>>(`EXPLAIN ${text}`, values);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect([name, plan]).toEqual([name, expect.not.stringContaining('error_event')]);
      expect([name, plan]).toEqual([name, expect.stringMatching(/error_rollup_minute|outcome_minute/)]);
    }
  });
});
