// Starts what the integration tests need, once per run: an embedded Postgres with a migrated
// template database, and a Redis where there is a redis-server binary. REDIS_URL names another.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export default async function setup() {
  execFileSync(process.execPath, [path.join(root, 'tools/build.mjs')], { cwd: root, stdio: 'inherit' });
  const home = mkdtempSync(path.join(os.tmpdir(), 'errata-test-'));
  // Under root, Postgres runs as another account, which has to get in.
  chmodSync(home, 0o755);
  const { startEmbeddedPostgres, migrateQueue } = await import('@errata/platform');
  const { migrate } = await import('@errata/storage');
  const postgres = await startEmbeddedPostgres({
    dataDirectory: path.join(home, 'postgres'),
    database: 'postgres',
    // A test loses nothing that matters when the machine dies; the crash tests start their own server.
    settings: ['fsync=off', 'full_page_writes=off', 'max_connections=300'],
  });
  const adminUrl = postgres.url;
  await query(adminUrl, 'CREATE DATABASE errata_template');
  const templateUrl = adminUrl.replace(/\/postgres$/, '/errata_template');
  await migrate({ databaseUrl: templateUrl, after: (client) => migrateQueue(client, 'errata_queue') });
  process.env.ERRATA_TEST_HOME = home;
  process.env.ERRATA_TEST_POSTGRES = adminUrl;
  globalThis.__ERRATA_TEST__ = { postgres, redis: await startRedis(home), home };
}

async function query(databaseUrl, text) {
  const pg = (await import('pg')).default;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

async function startRedis(home) {
  if (process.env.REDIS_URL) {
    process.env.ERRATA_TEST_REDIS = process.env.REDIS_URL;
    return undefined;
  }
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    const message = 'redis-server is not installed and REDIS_URL is not set: the Redis suites do not run.';
    if (process.env.CI) throw new Error(`${message} CI must have it: apt-get install redis-server.`);
    process.stderr.write(`\n*** ${message} Install redis-server to run them. ***\n\n`);
    return undefined;
  }
  const port = await freePort();
  const child = spawn(
    'redis-server',
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      home,
      '--save',
      '',
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--maxmemory-policy',
      'noeviction',
    ],
    { stdio: 'ignore' },
  );
  process.env.ERRATA_TEST_REDIS = `redis://127.0.0.1:${port}`;
  return child;
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
