import { access, constants, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, freePort, parseEnv, startEmbeddedPostgres } from '@errata/platform';
import type { EmbeddedPostgres, Env } from '@errata/platform';
import { dsnOf, ensureDatabase, openStorage } from '@errata/storage';
import { bootstrap } from './bootstrap.js';
import type { Credentials } from './bootstrap.js';
import { startChild } from './child.js';
import type { Child } from './child.js';
import { lockInstance } from './instance-lock.js';
import { prepareDatabase } from './prepare.js';
import { createProgress } from './progress.js';
import type { Progress } from './progress.js';
import { welcome } from './welcome.js';

const APPS = fileURLToPath(new URL('../../../', import.meta.url));

/** One run of an instance, from start to stop. */
interface Run {
  env: Env;
  progress: Progress;
  /** What is undone when the instance stops, last first. */
  undo: Array<() => Promise<unknown>>;
  stopping: boolean;
  /** Ends the run with an exit code. */
  stop: (code: number) => void;
}

/**
 * Runs a whole Errata on one machine until it is told to stop: Postgres, worker, API.
 * @returns the exit code
 */
export async function start(): Promise<number> {
  const env = parseEnv({ WEBHOOK_ALLOW_PRIVATE: 'true', LOG_LEVEL: 'warn', ...process.env });
  const run: Run = {
    env,
    progress: createProgress(process.stderr),
    undo: [],
    stopping: false,
    stop: () => undefined,
  };
  const stopped = new Promise<number>((resolve) => {
    run.stop = (code) => {
      run.stopping = true;
      resolve(code);
    };
  });
  listenForSignals(run);
  stopWithNpm(run);
  try {
    await bringUp(run);
  } catch (error) {
    run.progress.fail();
    run.stopping = true;
    await takeDown(run);
    throw error;
  }
  const code = await stopped;
  process.stderr.write('\nStopping …\n');
  await takeDown(run);
  process.stderr.write('Stopped. The data is kept for the next start.\n');
  return code;
}

function listenForSignals(run: Run): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (run.stopping && signal === 'SIGINT') process.stderr.write('Already stopping; one moment.\n');
      run.stop(0);
    });
  }
}

// npm does not pass a SIGTERM on to what it runs. When it is gone, nobody could stop this instance in
// order any more, so it stops itself.
function stopWithNpm(run: Run): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && run.stop(0), 1_000).unref();
}

async function bringUp(run: Run): Promise<void> {
  const { env, undo, progress } = run;
  const home = env.ERRATA_HOME;
  await requireWritable(home);
  undo.push(await lockInstance(home));
  // What a killed instance left behind would tell readers that this one is ready.
  await rm(path.join(home, 'ready.json'), { force: true });
  await requireFreePort(env);
  const databaseUrl = await database(run);
  progress.step('Bringing the database up to date');
  await prepareDatabase(databaseUrl, env.QUEUE_PREFIX, Date.now());
  const credentials = await firstCredentials(databaseUrl, home);
  const api = await processes(run, databaseUrl);
  progress.done();
  const url = env.PUBLIC_URL ?? api.address;
  const ready = {
    url,
    dsn: dsnOf(url, credentials.ingestKey, credentials.projectId),
    ...readyFields(credentials),
  };
  undo.push(() => rm(path.join(home, 'ready.json'), { force: true }));
  await writeReady(path.join(home, 'ready.json'), ready);
  process.stdout.write(welcome(ready));
}

function readyFields({ projectId, ingestKey, apiToken }: Credentials) {
  return { projectId: String(projectId), ingestKey, apiToken, pid: process.pid };
}

// Written whole or not at all: whoever waits for the file may read it the moment it appears.
async function writeReady(file: string, ready: object): Promise<void> {
  await writeFile(`${file}.tmp`, `${JSON.stringify(ready, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

async function database({ env, undo, progress, stop }: Run): Promise<string> {
  if (env.DATABASE_URL !== undefined) return env.DATABASE_URL;
  progress.step('Starting Postgres');
  const lines: string[] = [];
  const postgres: EmbeddedPostgres = await startEmbeddedPostgres({
    dataDirectory: path.join(env.ERRATA_HOME, 'postgres'),
    database: 'errata',
    onLog: (line) => lines.push(line) > 50 && lines.shift(),
  });
  undo.push(() => postgres.stop());
  postgres.onExit((code) => {
    process.stderr.write(`errata: Postgres ended unexpectedly (exit code ${code}): ${lines.at(-1) ?? ''}\n`);
    stop(1);
  });
  await ensureDatabase(postgres.url);
  return postgres.url;
}

async function firstCredentials(databaseUrl: string, home: string): Promise<Credentials> {
  const storage = await openStorage({ databaseUrl, poolSize: 2 });
  return bootstrap(storage, home, Date.now()).finally(() => storage.close());
}

async function processes(run: Run, databaseUrl: string): Promise<Child> {
  const { env, undo, progress } = run;
  const workerPort = env.WORKER_PORT === 0 ? await freePort() : env.WORKER_PORT;
  // Fixed from here on: the worker puts it into links, and a restarted API is found where it was.
  const apiPort = env.PORT === 0 ? await freePort() : env.PORT;
  const childEnv: NodeJS.ProcessEnv = {
    ...process.env,
    ERRATA_HOME: env.ERRATA_HOME,
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: env.LOG_LEVEL,
    WEBHOOK_ALLOW_PRIVATE: String(env.WEBHOOK_ALLOW_PRIVATE),
    PORT: String(apiPort),
    WORKER_PORT: String(workerPort),
    WORKER_URLS: `http://127.0.0.1:${workerPort}`,
  };
  const child = async (name: string) => {
    progress.step(`Starting the ${name}`);
    const started = await startChild({
      name,
      file: path.join(APPS, name, 'dist', 'main.js'),
      env: childEnv,
      onRestart: (message) => process.stderr.write(`errata: ${message}\n`),
      onGivingUp: (message) => {
        process.stderr.write(`errata: ${message}\n`);
        run.stop(1);
      },
      isStopping: () => run.stopping,
    });
    undo.push(() => started.stop());
    return started;
  };
  await child('worker');
  return child('api');
}

async function requireWritable(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true });
    await access(home, constants.W_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ConfigError(
      `the data directory ${home} cannot be written (${reason}). Fix its owner or mode, or set ERRATA_HOME to another directory.`,
    );
  }
}

async function requireFreePort(env: Env): Promise<void> {
  if (env.PORT === 0) return;
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const use = error.code === 'EADDRINUSE';
      reject(
        new ConfigError(
          use
            ? `port ${env.PORT} on ${env.HOST} is in use. Stop the other program, or set PORT to another one (0 = any free).`
            : `port ${env.PORT} on ${env.HOST} cannot be used: ${error.message}. Set PORT or HOST to something else.`,
        ),
      );
    });
    server.listen(env.PORT, env.HOST, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

// In the reverse of the order in which things came up: no new events, then the worker, then Postgres.
async function takeDown({ undo }: Run): Promise<void> {
  for (const step of undo.reverse()) {
    await step().catch((error: unknown) =>
      process.stderr.write(`errata: while stopping: ${String(error)}\n`),
    );
  }
}
