import { DAY } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import { anEvent, createTestDatabase, createTestProject, rowsOf } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { GATE_DAYS, HISTORY_DAYS, ROLLUP_DAYS, maintain } from './maintain.js';
import { dayOf, ensureDays, listDays } from './partitions.js';
import { openStorage } from './storage.js';
import type { Storage } from './storage.js';
import { commitDigest } from './write/digest.js';

const NOW = Date.now();

describe('maintain', () => {
  let database: TestDatabase;
  let storage: Storage;
  let projectId: number;
  beforeAll(async () => {
    database = await createTestDatabase();
    ({ projectId } = await createTestProject(database.url));
    storage = await openStorage({ databaseUrl: database.url, poolSize: 4 });
  });
  afterAll(async () => {
    await storage.close();
    await database.drop();
  });
  const retention = (days: number, id = projectId) =>
    storage.db.project.update({ where: { id }, data: { retentionDays: days } });
  const count = async (table: string) =>
    Number((await database.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n);

  it('makes days ahead, also when many workers do it at once', async () => {
    await Promise.all(Array.from({ length: 6 }, () => maintain(storage.db, NOW)));
    const days = (await listDays(storage.db, 'error_event')).map(dayOf);
    for (let ahead = 0; ahead <= 3; ahead++)
      expect(days).toContain(Math.floor(NOW / DAY) * DAY + ahead * DAY);
  });

  it('drops whole days that no project keeps, and chunks of what one project is done with', async () => {
    const other = (await createTestProject(database.url)).projectId;
    await retention(10);
    await retention(20, other);
    for (const [id, age] of [
      [projectId, 5],
      [projectId, 15],
      [other, 15],
      [other, 25],
    ] as const) {
      const rows = rowsOf([anEvent({ occurredAt: NOW - age * DAY })], id);
      await commitDigest(storage, {
        projectId: id,
        batchId: uuidV7(NOW),
        createdAt: NOW,
        receivedAt: NOW,
        rows,
        rejected: [],
        deadLetters: [],
      });
    }
    const report = await maintain(storage.db, NOW);
    expect(report.droppedPartitions.filter((name) => name.startsWith('error_event'))).toHaveLength(1);
    const left = await database.query<{ project_id: number; days: number }>(
      'SELECT project_id, round(extract(epoch FROM now() - occurred_at) / 86400)::int AS days FROM error_event ORDER BY 1, 2',
    );
    expect(left).toEqual([
      { project_id: projectId, days: 5 },
      { project_id: other, days: 15 },
    ]);
    expect(await count('error_rollup_minute')).toBe(4);
  });

  it('drops the gates of batches that no queue holds any more', async () => {
    await ensureDays(storage.db, 'ingest_batch', [NOW - (GATE_DAYS + 2) * DAY]);
    const report = await maintain(storage.db, NOW);
    expect(report.droppedPartitions).toEqual([expect.stringMatching(/^ingest_batch_p\d{8}$/)]);
  });

  it('deletes old counts and outcomes, and keeps the younger ones', async () => {
    const at = (days: number) => new Date(NOW - days * DAY).toISOString();
    for (const days of [HISTORY_DAYS - 1, HISTORY_DAYS + 1]) {
      await database.query(`INSERT INTO outcome_minute VALUES (99, $1, 'accepted', '', 1)`, [at(days)]);
    }
    for (const days of [ROLLUP_DAYS - 1, ROLLUP_DAYS + 1]) {
      await database.query(`INSERT INTO error_rollup_minute VALUES (99, $1, 0, 0, 0, 0, 0, 0, 1, $1)`, [
        at(days),
      ]);
    }
    expect((await maintain(storage.db, NOW)).deletedRows).toBe(2);
    expect(await count('outcome_minute WHERE project_id = 99')).toBe(1);
    expect(await count('error_rollup_minute WHERE project_id = 99')).toBe(1);
  });
});
