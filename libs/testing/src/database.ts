import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database of its own, cloned from the migrated template in some tens of milliseconds. */
export interface TestDatabase {
  url: string;
  name: string;
  query: <T extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<T[]>;
  /** Drops it. Call it from afterAll; a database that is left behind goes with the whole server. */
  drop: () => Promise<void>;
}

/** Clones the template database for one test file. */
export async function createTestDatabase(template = 'errata_template'): Promise<TestDatabase> {
  const adminUrl = required('ERRATA_TEST_POSTGRES');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await once(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = adminUrl.replace(/\/postgres$/, `/${name}`);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  return {
    url,
    name,
    query: async <T extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
      (await pool.query<T>(text, values)).rows,
    drop: async () => {
      await pool.end();
      await once(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** An empty database, for tests of the migration itself. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createTestDatabase('template0');
}

// Two clones at once meet "source database is being accessed by other users"; a moment later it works.
async function once(url: string, text: string, attempts = 40): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } catch (error) {
    if ((error as { code?: string }).code !== '55006' || attempts === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await once(url, text, attempts - 1);
  } finally {
    await client.end();
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run integration tests with jest.int.mjs`);
  return value;
}
