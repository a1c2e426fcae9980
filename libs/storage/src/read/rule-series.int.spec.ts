import { MINUTE, bucketStart, defaultRules, groupKeyOf, toRfc3339 } from '@errata/core';
import type { AlertRule, Classification } from '@errata/core';
import { createTestDatabase } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { openStorage } from '../storage.js';
import type { Storage } from '../storage.js';
import { readDocumentedEntry } from './documented-entry.js';
import { MAX_SERIES, readRuleSeries } from './rule-series.js';

const NOW = Date.UTC(2026, 10, 22, 12, 0, 30);
const PROJECT = 7;
const ORGANIZATION = '01990000-0000-7000-8000-000000000001';
const CATALOG = '01990000-0000-7000-8000-000000000002';

const denied: Classification = {
  code: 'TENANT_ACCESS_DENIED',
  status: 403,
  catalog: 'aether',
  catalogVersion: 2,
  entryCode: 'TENANT_ACCESS_DENIED',
  section: 'Tenants',
  category: 'authorization',
  severity: 'critical',
  retryability: 'permanent',
  expectation: 'never',
  matchedBy: 'code',
  mismatches: [],
};
const limited: Classification = {
  ...denied,
  code: 'RATE_LIMITED',
  entryCode: 'RATE_LIMITED',
  section: 'Limits',
  category: 'rate_limit',
  severity: 'low',
  retryability: 'retryable',
  expectation: 'normal',
};

const rule = (change: Partial<AlertRule>): AlertRule => ({
  ...defaultRules()[0]!,
  id: '01990000-0000-7000-8000-000000000003',
  kind: 'threshold',
  params: { threshold: 1, windowSeconds: 600 },
  ...change,
});

describe('readRuleSeries', () => {
  let database: TestDatabase;
  let storage: Storage;
  // One database for all, one project for each test.
  let project = 100;

  interface Counted {
    of?: Classification;
    tenant?: string;
    environment?: string;
    service?: string;
    status?: number;
    count?: number;
    /** Minutes before now. */
    ago?: number;
  }

  async function count(given: Counted, projectId = project): Promise<void> {
    const {
      of = denied,
      tenant = '',
      environment = '',
      service = '',
      status = of.status,
      count = 1,
      ago = 0,
    } = given;
    const { dictionary } = storage;
    const at = NOW - ago * MINUTE;
    const ids = [
      ...(await dictionary.resolve(projectId, 'code', [of.code])),
      ...(await dictionary.resolve(projectId, 'tenant', [tenant])),
      ...(await dictionary.resolve(projectId, 'environment', [environment])),
      ...(await dictionary.resolve(projectId, 'service', [service])),
      ...(await dictionary.resolveClasses(projectId, [of])),
    ];
    await database.query('INSERT INTO error_rollup_minute VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
      projectId,
      toRfc3339(bucketStart(at, MINUTE)),
      ...ids,
      status,
      count,
      toRfc3339(at),
    ]);
  }

  const read = (change: Partial<AlertRule>, openKeys: string[] = []) =>
    readRuleSeries(storage.db, project, rule(change), openKeys, NOW);
  const counts = (series: Awaited<ReturnType<typeof read>>) =>
    Object.fromEntries(
      series.map((one) => [
        Object.values(one.labels).join('/'),
        one.buckets.reduce((total, bucket) => total + bucket.count, 0),
      ]),
    );

  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 2 });
  });
  beforeEach(() => {
    project += 1;
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });

  it('splits counts by the group, with minutes, newest time and classification', async () => {
    await count({ tenant: 'acme', count: 3 });
    await count({ tenant: 'acme', count: 4, ago: 2 });
    await count({ tenant: 'zenith', count: 5, ago: 1 });
    const series = await read({});
    expect(counts(series)).toEqual({ 'TENANT_ACCESS_DENIED/acme': 7, 'TENANT_ACCESS_DENIED/zenith': 5 });
    expect(series[0]).toMatchObject({
      labels: { code: 'TENANT_ACCESS_DENIED', tenant: 'acme' },
      buckets: [
        { minute: bucketStart(NOW, MINUTE) - 2 * MINUTE, count: 4 },
        { minute: bucketStart(NOW, MINUTE), count: 3 },
      ],
      lastAt: NOW,
      code: 'TENANT_ACCESS_DENIED',
      tenant: 'acme',
    });
    expect(series[0]!.classId).toBeGreaterThan(0);
  });

  it('reads the window, the minute that it cuts and the clock skew, and nothing else', async () => {
    await count({ tenant: 'inside', ago: 10 });
    await count({ tenant: 'ahead', ago: -9 });
    await count({ tenant: 'old', ago: 12 });
    await count({ tenant: 'future', ago: -12 });
    await count({ tenant: 'elsewhere' }, project + 10_000);
    expect(Object.keys(counts(await read({}))).sort()).toEqual([
      'TENANT_ACCESS_DENIED/ahead',
      'TENANT_ACCESS_DENIED/inside',
    ]);
  });

  it.each<[string, Partial<AlertRule>, Record<string, number>]>([
    ['code', { filters: { code: ['RATE_LIMITED'] } }, { 'RATE_LIMITED/acme': 20 }],
    ['an unknown code', { filters: { code: ['NO_SUCH'] } }, {}],
    ['several tenants', { filters: { tenant: ['zenith', 'other'] } }, { 'TENANT_ACCESS_DENIED/zenith': 5 }],
    ['no tenant', { filters: { tenant: [''] } }, { 'TENANT_ACCESS_DENIED/': 2 }],
    ['status', { filters: { status: ['500'] } }, { 'TENANT_ACCESS_DENIED/zenith': 5 }],
    ['retryability', { filters: { retryability: ['retryable'] } }, { 'RATE_LIMITED/acme': 20 }],
    ['category', { filters: { category: ['rate_limit'] } }, { 'RATE_LIMITED/acme': 20 }],
    ['severity', { filters: { severity: ['low'] } }, { 'RATE_LIMITED/acme': 20 }],
    ['service', { filters: { service: ['billing'] } }, { 'TENANT_ACCESS_DENIED/zenith': 5 }],
    ['environment', { filters: { environment: ['production'] } }, { 'RATE_LIMITED/acme': 20 }],
    [
      'two at once',
      { filters: { tenant: ['acme'], code: ['TENANT_ACCESS_DENIED'] } },
      { 'TENANT_ACCESS_DENIED/acme': 3 },
    ],
    [
      'a never rule without a code',
      { kind: 'never' },
      {
        'TENANT_ACCESS_DENIED/acme': 3,
        'TENANT_ACCESS_DENIED/zenith': 5,
        'TENANT_ACCESS_DENIED/': 2,
      },
    ],
  ])('filters by %s', async (_, change, expected) => {
    await count({ tenant: 'acme', count: 3 });
    await count({ tenant: 'zenith', count: 5, status: 500, service: 'billing' });
    await count({ count: 2 });
    await count({ of: limited, tenant: 'acme', count: 20, environment: 'production' });
    expect(counts(await read(change))).toEqual(expected);
  });

  it('groups by every dimension, and by none', async () => {
    await count({ tenant: 'acme', environment: 'production', service: 'api', count: 3 });
    await count({ of: limited, tenant: 'zenith', count: 4 });
    const all = await read({
      groupBy: ['code', 'tenant', 'environment', 'service', 'status', 'retryability'],
    });
    expect(all.map((one) => one.labels)).toEqual([
      {
        code: 'RATE_LIMITED',
        tenant: 'zenith',
        environment: '',
        service: '',
        status: '403',
        retryability: 'retryable',
      },
      {
        code: 'TENANT_ACCESS_DENIED',
        tenant: 'acme',
        environment: 'production',
        service: 'api',
        status: '403',
        retryability: 'permanent',
      },
    ]);
    const [together, ...rest] = await read({ groupBy: [] });
    expect(rest).toEqual([]);
    expect(together).toMatchObject({ labels: {}, buckets: [{ count: 7 }] });
    expect(together).not.toHaveProperty('code');
    expect(together).not.toHaveProperty('tenant');
  });

  it('has no series where nothing was counted', async () => {
    expect(await read({ groupBy: [] })).toEqual([]);
    expect(await read({})).toEqual([]);
  });

  it('leaves out what cannot reach the threshold, unless it has an open incident', async () => {
    await count({ tenant: 'acme', count: 9 });
    await count({ tenant: 'zenith "quoted"', count: 1 });
    const params = { threshold: 5, windowSeconds: 600 };
    expect(counts(await read({ params }))).toEqual({ 'TENANT_ACCESS_DENIED/acme': 9 });
    const key = groupKeyOf({ code: 'TENANT_ACCESS_DENIED', tenant: 'zenith "quoted"' });
    const series = await read({ params }, [key]);
    expect(counts(series)).toMatchObject({ 'TENANT_ACCESS_DENIED/zenith "quoted"': 1 });
    // Open ones come first, so that the limit never hides them.
    expect(series[0]!.tenant).toBe('zenith "quoted"');
  });

  it('is bounded', async () => {
    const tenants = Array.from({ length: MAX_SERIES + 50 }, (_, i) => `t${i}`);
    const ids = await storage.dictionary.resolve(project, 'tenant', tenants);
    const [code] = await storage.dictionary.resolve(project, 'code', [denied.code]);
    const [classId] = await storage.dictionary.resolveClasses(project, [denied]);
    await database.query(
      `INSERT INTO error_rollup_minute SELECT $1, $2::timestamptz, $3, t, 0, 0, $4, 403, 1, $2::timestamptz
       FROM unnest($5::int[]) AS t`,
      [project, toRfc3339(bucketStart(NOW, MINUTE)), code, classId, ids],
    );
    expect(await read({})).toHaveLength(MAX_SERIES);
    const open = tenants.map((tenant) => groupKeyOf({ code: denied.code, tenant }));
    // The series of an open incident is never cut off, since its absence would mean quiet.
    expect(await read({}, open)).toHaveLength(tenants.length);
    expect(await read({ kind: 'never' }, open)).toHaveLength(tenants.length);
  });

  it('survives a stored threshold that no integer of the database holds', async () => {
    await count({ tenant: 'acme', count: 9 });
    expect(await read({ params: { threshold: 1e300, windowSeconds: 600 } })).toEqual([]);
  });

  describe('of a never rule', () => {
    const never: Partial<AlertRule> = { kind: 'never', params: { windowSeconds: 300 } };
    const told = (tenant: string, ago: number, state: string) =>
      database.query(
        `INSERT INTO incident (project_id, id, rule_id, group_key, labels, severity, state, pending_at,
           last_breach_at, value, peak)
         VALUES ($1, gen_random_uuid(), $2, $3, '{}', 'critical', $4, $5, $5, 1, 1)`,
        [
          project,
          rule({}).id,
          groupKeyOf({ code: denied.code, tenant }),
          state,
          toRfc3339(NOW - ago * MINUTE),
        ],
      );

    it('reads a day, with the minutes of the window', async () => {
      await count({ tenant: 'late', ago: 1_439 });
      await count({ tenant: 'old', ago: 1_442 });
      await count({ tenant: 'now' });
      expect(await read(never)).toMatchObject([
        { tenant: 'now', buckets: [{ count: 1 }] },
        { tenant: 'late', buckets: [], lastAt: NOW - 1_439 * MINUTE },
      ]);
    });

    it('leaves out what was told of, unless it is open or occurred again', async () => {
      await database.query(`INSERT INTO organization (id, slug, name) VALUES ($1, 'o', 'O')`, [ORGANIZATION]);
      await database.query(
        `INSERT INTO project (id, organization_id, slug, name) VALUES ($1, $2, 'p', 'P')`,
        [project, ORGANIZATION],
      );
      await count({ tenant: 'told', ago: 60 });
      await count({ tenant: 'again', ago: 60 });
      await count({ tenant: 'open', ago: 60 });
      await told('told', 60, 'resolved');
      await told('again', 61, 'resolved');
      await told('open', 60, 'firing');
      const series = await read(never, [groupKeyOf({ code: denied.code, tenant: 'open' })]);
      expect(series.map(({ tenant, reportedAt }) => [tenant, reportedAt])).toEqual([
        ['open', NOW - 60 * MINUTE],
        ['again', NOW - 61 * MINUTE],
      ]);
    });
  });
});

describe('readDocumentedEntry', () => {
  let database: TestDatabase;
  let storage: Storage;
  const entry = (meaning: string, section: string) => ({ code: 'TENANT_ACCESS_DENIED', section, meaning });
  const version = (catalogId: string, number: number, meaning: string) =>
    database.query(
      'INSERT INTO catalog_version (catalog_id, version, checksum, document) VALUES ($1, $2, $3, $4)',
      [
        catalogId,
        number,
        `sum ${number}`,
        JSON.stringify({ entries: [entry('of another section', 'Elsewhere'), entry(meaning, 'Tenants')] }),
      ],
    );
  const find = async (classification: Classification) => {
    const [id] = await storage.dictionary.resolveClasses(PROJECT, [classification]);
    return readDocumentedEntry(storage.db, PROJECT, id!);
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 2 });
    await database.query(`INSERT INTO organization (id, slug, name) VALUES ($1, 'o', 'O')`, [ORGANIZATION]);
    await database.query(`INSERT INTO project (id, organization_id, slug, name) VALUES ($1, $2, 'p', 'P')`, [
      PROJECT,
      ORGANIZATION,
    ]);
    await database.query(`INSERT INTO catalog (id, slug, title) VALUES ($1, 'aether', 'Aether 365')`, [
      CATALOG,
    ]);
    await version(CATALOG, 1, 'old words');
    await version(CATALOG, 2, 'new words');
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });

  it('finds the entry of the section in the version that the event was classified with', async () => {
    expect(await find(denied)).toEqual({
      retryability: 'permanent',
      expectation: 'never',
      documented: { catalog: 'Aether 365', entry: entry('new words', 'Tenants') },
    });
    expect((await find({ ...denied, catalogVersion: 1 }))!.documented!.entry.meaning).toBe('old words');
  });

  it("prefers the organization's own catalog of the same name", async () => {
    const own = '01990000-0000-7000-8000-000000000009';
    await database.query(
      `INSERT INTO catalog (id, organization_id, slug, title) VALUES ($1, $2, 'aether', 'Ours')`,
      [own, ORGANIZATION],
    );
    await version(own, 2, 'our words');
    expect((await find(denied))!.documented).toMatchObject({
      catalog: 'Ours',
      entry: { meaning: 'our words' },
    });
  });

  it.each([
    ['nothing documents the event', { catalog: '', catalogVersion: 0, entryCode: '', section: '' }],
    ['the version is gone', { catalogVersion: 9 }],
    ['the section is another', { section: 'Nowhere' }],
  ])('has the classification only where %s', async (_, change) => {
    expect(await find({ ...denied, ...change })).toEqual({ retryability: 'permanent', expectation: 'never' });
  });

  it('knows no classification that was never stored', async () => {
    expect(await readDocumentedEntry(storage.db, PROJECT, 4_711)).toBeUndefined();
  });
});
