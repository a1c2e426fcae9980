import { DAY, MINUTE, OTHER, bucketStart } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import { anEvent, createTestDatabase, rowsOf } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { faultKind, fullMessage, sqlState } from '../errors.js';
import { listDays } from '../partitions.js';
import { openStorage } from '../storage.js';
import type { Storage } from '../storage.js';
import { commitDigest } from './digest.js';
import type { CommitPlan } from './digest.js';

const NOW = Date.now();

describe('commitDigest', () => {
  let database: TestDatabase;
  let storage: Storage;
  beforeAll(async () => {
    database = await createTestDatabase();
    storage = await openStorage({ databaseUrl: database.url, poolSize: 8 });
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });

  let project = 0;
  beforeEach(() => {
    project += 1;
  });

  const planOf = (events: Parameters<typeof rowsOf>[0], more: Partial<CommitPlan> = {}): CommitPlan => ({
    projectId: project,
    batchId: uuidV7(NOW),
    createdAt: NOW,
    receivedAt: NOW,
    rows: rowsOf(events, project),
    rejected: [],
    deadLetters: [],
    ...more,
  });
  const outcomes = async () =>
    Object.fromEntries(
      (
        await database.query<{ key: string; n: string }>(
          `SELECT outcome || ':' || reason AS key, sum(count) AS n FROM outcome_minute WHERE project_id = $1 GROUP BY 1`,
          [project],
        )
      ).map((row) => [row.key, Number(row.n)]),
    );
  const mismatches = () =>
    database.query(
      `SELECT * FROM (SELECT minute, code_id, tenant_id, environment_id, service_id, class_id, status, count
                      FROM error_rollup_minute WHERE project_id = $1) r
       FULL JOIN (SELECT date_trunc('minute', occurred_at) AS minute, code_id, tenant_id, environment_id, service_id,
                         class_id, status, count(*) AS count
                  FROM error_event WHERE project_id = $1 GROUP BY 1, 2, 3, 4, 5, 6, 7) e
         USING (minute, code_id, tenant_id, environment_id, service_id, class_id, status)
       WHERE r.count IS DISTINCT FROM e.count`,
      [project],
    );

  it('stores events, rollups and outcomes together', async () => {
    const events = [
      anEvent(),
      anEvent(),
      anEvent({ tenant: 'globex', error: { code: 'RATE_LIMIT_EXCEEDED' } }),
    ];
    const result = await commitDigest(
      storage,
      planOf(events, { rejected: [{ outcome: 'invalid', reason: 'MALFORMED_JSON', count: 2 }] }),
    );
    expect(result).toMatchObject({ first: true, inserted: 3, duplicates: 0 });
    expect(result.codes.sort((a, b) => b.count - a.count)).toEqual([
      { code: 'TENANT_ACCESS_DENIED', retryability: 'permanent', count: 2 },
      { code: 'RATE_LIMIT_EXCEEDED', retryability: 'permanent', count: 1 },
    ]);
    expect(await mismatches()).toEqual([]);
    expect(await outcomes()).toEqual({ 'accepted:': 3, 'invalid:MALFORMED_JSON': 2 });
  });

  it('does nothing at all for a redelivered batch', async () => {
    const plan = planOf([anEvent(), anEvent()], {
      rejected: [{ outcome: 'invalid', reason: 'X', count: 1 }],
    });
    await commitDigest(storage, plan);
    expect(await commitDigest(storage, plan)).toEqual({
      first: false,
      inserted: 0,
      duplicates: 0,
      codes: [],
    });
    expect(await outcomes()).toEqual({ 'accepted:': 2, 'invalid:X': 1 });
  });

  it('counts a resent event in another batch as a duplicate and nowhere else', async () => {
    const event = anEvent();
    await commitDigest(storage, planOf([event]));
    expect(await commitDigest(storage, planOf([event, anEvent()]))).toMatchObject({
      first: true,
      inserted: 1,
      duplicates: 1,
      codes: [{ count: 1 }],
    });
    expect(await mismatches()).toEqual([]);
    expect(await outcomes()).toEqual({ 'accepted:': 2, 'duplicate:': 1 });
  });

  it('keeps an event once when fifty batches with it commit at the same time', async () => {
    const event = anEvent();
    const results = await Promise.all(
      Array.from({ length: 50 }, () => commitDigest(storage, planOf([event]))),
    );
    expect(results.reduce((sum, result) => sum + result.inserted, 0)).toBe(1);
    expect(await mismatches()).toEqual([]);
    expect(await outcomes()).toEqual({ 'accepted:': 1, 'duplicate:': 49 });
  });

  it('holds an event without a time by its id alone', async () => {
    const first = anEvent({ timeless: true, occurredAt: NOW });
    const resent = { ...first, occurredAt: NOW + 5_000 };
    await commitDigest(storage, planOf([first]));
    expect(await commitDigest(storage, planOf([resent]))).toMatchObject({ inserted: 0, duplicates: 1 });
  });

  it('takes the same id without a time once, also within one batch', async () => {
    const event = anEvent({ timeless: true, occurredAt: NOW });
    const again = [event, { ...event, occurredAt: NOW + 1 }, { ...event, occurredAt: NOW + 2 }];
    expect(await commitDigest(storage, planOf(again))).toMatchObject({ inserted: 1, duplicates: 2 });
    expect(await mismatches()).toEqual([]);
  });

  it('burns no dictionary ids for names that are known', async () => {
    const fresh = async () => {
      const other = await openStorage({ databaseUrl: database.url, poolSize: 2 });
      await commitDigest(other, planOf([anEvent({ tenant: 'known' })])).finally(() => other.close());
      const [row] = await database.query<{ n: string }>(`SELECT last_value AS n FROM dimension_value_id_seq`);
      return Number(row!.n);
    };
    const before = await fresh();
    expect(await fresh()).toBe(before);
  });

  it('lets eight writers update the same rollups without a deadlock', async () => {
    const batch = () =>
      Array.from({ length: 60 }, (_, i) =>
        anEvent({ tenant: `t${(i * 7) % 20}`, occurredAt: NOW - (i % 3) * MINUTE }),
      );
    const results = await Promise.all(
      Array.from({ length: 40 }, () => commitDigest(storage, planOf(batch().reverse()))),
    );
    expect(results.reduce((sum, result) => sum + result.inserted, 0)).toBe(2_400);
    expect(await mismatches()).toEqual([]);
  });

  it('counts under __other__ what the digest moved there, and keeps the row as it is', async () => {
    const rows = rowsOf([anEvent({ tenant: 'a' }), anEvent({ tenant: 'b' })], project);
    await commitDigest(
      storage,
      planOf([], {
        rows: rows.map((row) => ({ ...row, rollupTenant: row.tenant === 'b' ? OTHER : row.tenant })),
      }),
    );
    const counted = await database.query<{ value: string; n: string }>(
      `SELECT d.value, sum(r.count) AS n FROM error_rollup_minute r
       JOIN dimension_value d ON d.project_id = r.project_id AND d.id = r.tenant_id
       WHERE r.project_id = $1 GROUP BY 1 ORDER BY 1`,
      [project],
    );
    expect(counted).toEqual([
      { value: OTHER, n: '1' },
      { value: 'a', n: '1' },
    ]);
  });

  it('makes the day of an event on the write path', async () => {
    const occurredAt = NOW - 9 * DAY;
    await commitDigest(storage, planOf([anEvent({ occurredAt })]));
    const day = new Date(bucketStart(occurredAt, DAY)).toISOString().slice(0, 10).replaceAll('-', '');
    expect(await listDays(storage.db, 'error_event')).toContain(`error_event_p${day}`);
  });

  it('changes nothing in a dry run', async () => {
    expect(await commitDigest(storage, planOf([anEvent()]), { dryRun: true })).toMatchObject({ inserted: 1 });
    expect(await outcomes()).toEqual({});
  });

  it('files dead letters with the batch and takes them back when they are replayed', async () => {
    const id = uuidV7(NOW);
    const letter = {
      id,
      stage: 'commit' as const,
      reasonCode: '22P05',
      reason: 'unsupported',
      payload: '{"a":"b"}',
    };
    const failed = { outcome: 'failed', reason: '22P05', count: 1 };
    await commitDigest(storage, planOf([anEvent()], { deadLetters: [letter], rejected: [failed] }));
    expect(await outcomes()).toEqual({ 'accepted:': 1, 'failed:22P05': 1 });
    await commitDigest(storage, planOf([anEvent({ replayOf: id })]));
    expect(await outcomes()).toEqual({ 'accepted:': 2, 'failed:22P05': 0 });
    expect(await database.query('SELECT status FROM dead_letter WHERE project_id = $1', [project])).toEqual([
      { status: 'replayed' },
    ]);
  });

  it('tells a poisonous row from a fault of the infrastructure', async () => {
    const poison = planOf([anEvent({ error: { code: 'X', message: 'nul \0 byte' } })]);
    const error: unknown = await commitDigest(storage, poison).catch((caught: unknown) => caught);
    expect(sqlState(error)).toBe('22P05');
    expect(faultKind(error)).toBe('data');
    expect(fullMessage(error)).toMatch(/Unicode|u0000/);
    const cut: unknown = await storage.db
      .$queryRawUnsafe('SELECT pg_terminate_backend(pg_backend_pid())')
      .catch((caught: unknown) => caught);
    expect(faultKind(cut)).toBe('infrastructure');
  });
});
