import { readFileSync } from 'node:fs';
import path from 'node:path';
import { envSchema } from './env.js';

const root = path.resolve(__dirname, '../../..');
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');

/** One row of the table: key, default, description, as they stand between the bars. */
type Row = [key: string, fallback: string, description: string];

/** What a setting may be. */
type Value = string | number | boolean | string[] | undefined;

/** The rows that the schema demands, in its order. */
function expectedRows(): Row[] {
  const defaults: Record<string, Value> = envSchema.parse({});
  return Object.entries(envSchema.shape).map(([key, schema]) => [
    `\`${key}\``,
    shown(defaults[key]),
    schema.description ?? 'has no description',
  ]);
}

function shown(value: Value): string {
  if (value === undefined) return 'unset';
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return text === '' ? 'empty' : `\`${text}\``;
}

/** Rows of the tables whose first cell is a key in backticks. */
function documentedRows(markdown: string): Row[] {
  return markdown
    .split('\n')
    .filter((line) => /^\|\s*`[A-Z_]+`\s*\|/.test(line))
    .map((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      return [cells[1] ?? '', cells[2] ?? '', cells.slice(3, -1).join('|')];
    });
}

/** Keys of a dotenv file, commented out or not, and what they are set to. */
function dotenv(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^(?:# )?([A-Z][A-Z_]*)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
}

const composeVariables = () =>
  new Set([...read('docker-compose.yml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name));

describe('docs/configuration.md', () => {
  const documented = documentedRows(read('docs/configuration.md'));

  it.each(expectedRows())('has %s with its default and description', (...row) => {
    expect(documented.filter(([key]) => key === row[0])).toEqual([row]);
  });

  it('has no row for a setting that does not exist, and keeps the order of the schema', () => {
    expect(documented.map(([key]) => key)).toEqual(expectedRows().map(([key]) => key));
  });
});

describe('.env.example', () => {
  const entries = dotenv(read('.env.example'));

  it('lists every setting, and besides them only what docker-compose.yml asks for', () => {
    const known = new Set([...Object.keys(envSchema.shape), ...composeVariables()]);
    expect([...entries.keys()].sort()).toEqual([...known].sort());
  });

  it('shows the defaults of the schema', () => {
    const defaults = Object.entries(envSchema.parse({})).filter(([, value]) => value !== undefined);
    for (const [key, value] of defaults) {
      expect([key, entries.get(key)]).toEqual([key, Array.isArray(value) ? value.join(',') : String(value)]);
    }
  });

  it('holds no secret', () => {
    const secrets = [...entries].filter(([key]) => /PASSWORD|SECRET/.test(key));
    expect(secrets).toHaveLength(3);
    for (const [, value] of secrets) expect(value).toBe('');
  });
});
