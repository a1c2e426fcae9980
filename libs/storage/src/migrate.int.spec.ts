import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createEmptyDatabase } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { migrate, readMigrations } from './migrate.js';

const SOURCE = path.resolve(__dirname, '../../../prisma/migrations');

describe('migrate', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createEmptyDatabase();
  });
  afterEach(() => database.drop());

  it('applies everything once and keeps the book in the format of Prisma', async () => {
    const names = (await readMigrations()).map((file) => file.name);
    expect(await migrate({ databaseUrl: database.url })).toEqual(names);
    expect(await migrate({ databaseUrl: database.url })).toEqual([]);
    const rows = await database.query<{
      checksum: string;
      migration_name: string;
      applied_steps_count: number;
    }>('SELECT * FROM _prisma_migrations ORDER BY migration_name');
    expect(rows.map((row) => row.migration_name)).toEqual(names);
    for (const row of rows) {
      expect(row).toMatchObject({
        checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
        applied_steps_count: 1,
      });
    }
  });

  it('is not led astray by a schema that is named like the database user', async () => {
    const [{ user } = { user: '' }] = await database.query<{ user: string }>('SELECT current_user AS user');
    await migrate({
      databaseUrl: database.url,
      after: async (client) => void (await client.query(`CREATE SCHEMA ${user}`)),
    });
    expect(await migrate({ databaseUrl: database.url })).toEqual([]);
    expect(await database.query(`SELECT tablename FROM pg_tables WHERE schemaname = current_user`)).toEqual(
      [],
    );
  });

  it('lets several processes migrate at the same time', async () => {
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate({ databaseUrl: database.url })));
    expect(applied.flat()).toEqual((await readMigrations()).map((file) => file.name));
  });

  it('refuses an edited past migration and names it', async () => {
    const directory = await copyOfMigrations();
    await migrate({ databaseUrl: database.url, directory });
    const [first] = await readMigrations(directory);
    const file = path.join(directory, first!.name, 'migration.sql');
    await writeFile(file, `${await readFile(file, 'utf8')}\n-- edited\n`);
    await expect(migrate({ databaseUrl: database.url, directory })).rejects.toThrow(
      new RegExp(`${first!.name} was edited`),
    );
  });

  it('rolls a failing migration back as a whole', async () => {
    const directory = await copyOfMigrations();
    await cp(
      path.join(directory, (await readMigrations())[0]!.name),
      path.join(directory, '29991231000000_bad'),
      {
        recursive: true,
      },
    );
    await writeFile(
      path.join(directory, '29991231000000_bad/migration.sql'),
      'CREATE TABLE half_done (id int); SELECT 1 / 0;',
    );
    await expect(migrate({ databaseUrl: database.url, directory })).rejects.toThrow(
      /29991231000000_bad.*rolled back/,
    );
    const [row] = await database.query<{ found: string | null }>(`SELECT to_regclass('half_done') AS found`);
    expect(row!.found).toBeNull();
  });
});

async function copyOfMigrations(): Promise<string> {
  const directory = path.join(await mkdtemp(path.join(os.tmpdir(), 'errata-migrations-')), 'migrations');
  await cp(SOURCE, directory, { recursive: true });
  return directory;
}
