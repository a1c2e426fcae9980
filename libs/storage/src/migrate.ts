import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { SEARCH_PATH } from './search-path.js';

/**
 * Applies prisma/migrations in order. Prisma's own command would download an engine, which closed
 * networks refuse, so this runner does it and keeps the book in Prisma's format: `prisma migrate
 * deploy` and `status` agree with it wherever they can run (ADR 0003).
 */

const MIGRATIONS_DIR = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

// Any constant will do, as long as no other program on the database uses the same.
const LOCK_KEY = 0x6572_7261;

const BOOK = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

/** A migration that cannot be applied; the message says which and what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface MigrationFile {
  name: string;
  sql: string;
  checksum: string;
}

/** Reads the migrations of a directory, oldest first. */
export async function readMigrations(directory: string = MIGRATIONS_DIR): Promise<MigrationFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(path.join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

export interface MigrateOptions {
  databaseUrl: string;
  directory?: string;
  /** Runs on the same connection, under the same lock, after the last migration. */
  after?: (client: pg.Client) => Promise<void>;
}

/**
 * Brings a database up to date; any number of processes may call this at the same time.
 * @returns names of the migrations that this call applied
 * @throws MigrationError where a past migration was edited or a statement fails
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'errata-migrate',
    options: SEARCH_PATH,
  });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await client.query(BOOK);
    const applied = await applyPending(client, await readMigrations(options.directory));
    await options.after?.(client);
    return applied;
  } finally {
    // Ending the connection also frees the lock.
    await client.end();
  }
}

async function applyPending(client: pg.Client, files: MigrationFile[]): Promise<string[]> {
  const book = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  const past = new Map(book.rows.map((row) => [row.migration_name, row]));
  const applied: string[] = [];
  for (const file of files) {
    const known = past.get(file.name);
    if (known === undefined) {
      await apply(client, file);
      applied.push(file.name);
    } else if (known.checksum !== file.checksum) {
      throw new MigrationError(
        `migration ${file.name} was edited after it had been applied. Put the file back as it was and ` +
          'write the change as a new migration.',
      );
    } else if (known.finished_at === null) {
      throw new MigrationError(
        `migration ${file.name} was started by another tool and never finished. Finish or roll it back ` +
          'with `prisma migrate resolve`, then try again.',
      );
    }
  }
  return applied;
}

async function apply(client: pg.Client, file: MigrationFile): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query("SET LOCAL lock_timeout = '10s'");
    await client.query(file.sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
       VALUES ($1, $2, now(), $3, 1)`,
      [randomUUID(), file.checksum, file.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`migration ${file.name} failed and was rolled back: ${reason}`, {
      cause: error,
    });
  }
}

/** Creates the database that a URL names where the server does not have it yet. */
export async function ensureDatabase(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** What `errata doctor` asks a server: is it there, which one is it, and does its clock agree? */
export async function probePostgres(
  databaseUrl: string,
): Promise<{ version: string; now: Date; maxConnections: number }> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; now: Date; max: string }>(
      "SELECT current_setting('server_version') AS version, clock_timestamp() AS now, current_setting('max_connections') AS max",
    );
    const row = rows[0]!;
    return { version: row.version, now: row.now, maxConnections: Number(row.max) };
  } finally {
    await client.end();
  }
}

export type { Client as PgClient } from 'pg';
