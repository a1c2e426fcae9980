import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestDatabase } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';

/**
 * Holds three things together: what the migrations make, the committed manifest that a reviewer reads,
 * and the model that the client is generated from. UPDATE_MANIFEST=1 writes the manifest anew.
 */
const ROOT = path.resolve(__dirname, '../../..');
const MANIFEST = path.join(ROOT, 'prisma/schema.manifest.json');

interface Column {
  type: string;
  nullable: boolean;
}
type Tables = Record<
  string,
  { columns: Record<string, Column>; constraints: string[]; indexes: string[]; partitioned: boolean }
>;

describe('the schema', () => {
  let database: TestDatabase;
  let live: Tables;
  beforeAll(async () => {
    database = await createTestDatabase();
    live = await introspect(database);
  });
  afterAll(() => database.drop());

  it('is what prisma/schema.manifest.json says', async () => {
    if (process.env['UPDATE_MANIFEST'] === '1')
      await writeFile(MANIFEST, `${JSON.stringify(live, null, 2)}\n`);
    expect(live).toEqual(JSON.parse(await readFile(MANIFEST, 'utf8')));
  });

  it('is what prisma/schema.prisma models, column by column', async () => {
    const model = parsePrisma(await readFile(path.join(ROOT, 'prisma/schema.prisma'), 'utf8'));
    const columns = Object.fromEntries(Object.entries(live).map(([name, table]) => [name, table.columns]));
    expect(model).toEqual(columns);
  });

  it('starts every key of a table that grows with traffic with project_id', () => {
    const growing = [
      'error_event',
      'error_rollup_minute',
      'error_rollup_hour',
      'outcome_minute',
      'ingest_batch',
      'event_gate',
      'dead_letter',
      'dimension_value',
      'classification',
      'code_tenant_first_seen',
      'incident',
      'incident_event',
      'outbox',
      'notification',
    ];
    for (const name of growing) {
      const keys = live[name]!.constraints.filter((text) => /^(PRIMARY KEY|UNIQUE)/.test(text));
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) expect(`${name} ${key}`).toMatch(/\((project_id)/);
    }
  });

  it('has no default partition', async () => {
    const rows = await database.query(
      `SELECT relname FROM pg_class WHERE relispartition AND pg_get_expr(relpartbound, oid) = 'DEFAULT'`,
    );
    expect(rows).toEqual([]);
    expect(live['error_event']!.partitioned && live['ingest_batch']!.partitioned).toBe(true);
  });
});

async function introspect(database: TestDatabase): Promise<Tables> {
  const columns = await database.query<{ table: string; name: string; type: string; nullable: boolean }>(
    `SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname <> '_prisma_migrations' ORDER BY c.relname, a.attname`,
  );
  const constraints = await database.query<{ table: string; text: string }>(
    `SELECT c.relname AS "table", pg_get_constraintdef(k.oid) AS text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
     WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND k.contype <> 'n' ORDER BY 1, 2`,
  );
  const indexes = await database.query<{ table: string; text: string }>(
    `SELECT tablename AS "table", indexdef AS text FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2`,
  );
  const partitioned = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'p'`,
  );
  const tables: Tables = {};
  for (const { table, name, type, nullable } of columns) {
    tables[table] ??= {
      columns: {},
      constraints: [],
      indexes: [],
      partitioned: partitioned.some((row) => row.name === table),
    };
    tables[table].columns[name] = { type, nullable };
  }
  for (const { table, text } of constraints) tables[table]?.constraints.push(text);
  for (const { table, text } of indexes) tables[table]?.indexes.push(text);
  return tables;
}

const TYPES: Record<string, string> = {
  'String@db.Uuid': 'uuid',
  String: 'text',
  Int: 'integer',
  'Int@db.SmallInt': 'smallint',
  BigInt: 'bigint',
  'DateTime@db.Timestamptz': 'timestamp with time zone',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
  Float: 'double precision',
};

function parsePrisma(text: string): Record<string, Record<string, Column>> {
  const models = [...text.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)];
  return Object.fromEntries(
    models.map(([, , body]) => [/@@map\("(\w+)"\)/.exec(body!)![1]!, columnsOf(body!)]),
  );
}

function columnsOf(body: string): Record<string, Column> {
  const columns: Record<string, Column> = {};
  for (const line of body.split('\n')) {
    const field = /^\s+(\w+)\s+(\w+)(\[\]|\?)?(.*)$/.exec(line);
    if (field === null || line.includes('@relation')) continue;
    const [, name, base, suffix, attributes] = field as unknown as [
      string,
      string,
      string,
      string | undefined,
      string,
    ];
    const type = TYPES[base + (/@db\.\w+/.exec(attributes)?.[0] ?? '')];
    if (type === undefined) continue;
    const column = /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name;
    // Prisma's lists cannot be marked optional; alert_rule.channel_ids is the one where NULL means "all".
    const nullable = suffix === '?' || column === 'channel_ids';
    columns[column] = { type: suffix === '[]' ? `${type}[]` : type, nullable };
  }
  return columns;
}
