import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { ConfigError, parseEnv } from '@errata/platform';
import type { Env } from '@errata/platform';
import type { Command } from 'commander';
import { Redis } from 'ioredis';
import { Failure, guarded, messageOf, oneLine, processIo } from '../replay/failure.js';
import type { CommandIo } from '../replay/failure.js';
import { errataHome, readReadyFile } from '../replay/target.js';

/** One thing that was looked at. */
export interface Finding {
  check: string;
  level: 'ok' | 'warn' | 'fail';
  what: string;
  /** How to put it right; absent where all is well. */
  fix?: string;
}

/** What a Postgres server says about itself. */
export interface PostgresFacts {
  version: string;
  now: Date;
  maxConnections: number;
}

/** What a Redis server says about itself; a part that it refuses to tell is absent. */
export interface RedisFacts {
  version?: string;
  /** Bytes. */
  usedMemory?: number;
  /** Bytes; 0 means no limit. */
  maxMemory?: number;
  settings?: Record<string, string>;
}

export interface DoctorOptions {
  probePostgres: (url: string) => Promise<PostgresFacts>;
  nodeVersion: string;
}

const MIB = 1024 * 1024;
const TIMEOUT_MS = 3_000;
const CLOCK_TOLERANCE_MS = 2_000;
const OLDEST_POSTGRES = 15;
/** Share of Redis memory that leaves too little room for a backlog: a full Redis stops the workers too. */
const REDIS_FULL = 0.6;
const REDIS_SETTINGS: Record<string, { wanted: string; why: string }> = {
  appendonly: { wanted: 'yes', why: 'accepted events are lost when Redis stops' },
  appendfsync: { wanted: 'always', why: 'the last accepted events are lost when the machine stops' },
  'maxmemory-policy': { wanted: 'noeviction', why: 'Redis may throw accepted events away' },
};

/** Adds `errata doctor`. */
export function registerDoctor(program: Command, io: CommandIo = processIo()): void {
  program
    .command('doctor')
    .description('check Node, disk, memory, ports, Postgres, Redis and the running instance')
    .option('--json', 'print the findings as JSON')
    .action((flags: { json?: boolean }) =>
      guarded(io, async () => {
        // Loaded late, so that no other command pays for the database client.
        const { probePostgres } = await import('@errata/storage');
        const findings = await diagnose(io, { probePostgres, nodeVersion: process.versions.node });
        io.stdout.write(flags.json ? `${JSON.stringify(findings)}\n` : formatFindings(findings));
        const failed = findings.filter((finding) => finding.level === 'fail').length;
        if (failed > 0) throw new Failure(`${failed} of ${findings.length} checks failed.`);
      }),
    );
}

/** Runs every check. What cannot be looked at is a finding of its own, so this does not throw. */
export async function diagnose(io: CommandIo, options: DoctorOptions): Promise<Finding[]> {
  const home = errataHome(io.env, io.cwd);
  const homeFix = `make ${home} readable for this user, or set ERRATA_HOME to another directory`;
  const serverFix = (name: string) =>
    `make sure that it runs and that ${name} has the right address and password`;
  const findings = [
    checkNode(options.nodeVersion),
    checkMemory(process.availableMemory()),
    ...(await examined('disk', homeFix, async () => [checkDisk(await freeBytes(home), home)])),
  ];
  const instance = await examined('instance', homeFix, () => examineInstance(home));
  findings.push(...instance);
  const settings = readSettings(io.env);
  if ('check' in settings) return [...findings, settings];
  if (instance.every((finding) => finding.level !== 'ok')) findings.push(await examinePort(settings));
  return [
    ...findings,
    ...(await examined('postgres', serverFix('DATABASE_URL'), () => examinePostgres(settings, io, options))),
    ...(await examined('redis', serverFix('REDIS_URL'), () => examineRedis(settings.REDIS_URL))),
  ];
}

/** Node.js 20.19 is the first 20 that loads ESM packages from CommonJS. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return ok('node', `Node.js ${version}`);
  return fail('node', `Node.js ${version} is too old`, 'install Node.js 20.19 or newer');
}

/** @param free bytes that an unprivileged process may still write */
export function checkDisk(free: number, home: string): Finding {
  const what = `${mebibytes(free)} free for ${home}`;
  const fix = 'free some space, shorten the retention, or set ERRATA_HOME to a larger disk';
  if (free < 256 * MIB) return fail('disk', what, fix);
  return free < 2048 * MIB ? warn('disk', what, fix) : ok('disk', what);
}

/** @param free bytes of memory that a process may still take */
export function checkMemory(free: number): Finding {
  const what = `${mebibytes(free)} of memory free`;
  return free < 512 * MIB
    ? warn('memory', what, 'Errata with its own Postgres wants 512 MiB')
    : ok('memory', what);
}

/** @param skewMs the database's clock minus ours, in milliseconds */
export function checkClock(skewMs: number): Finding {
  const what = `${(Math.abs(skewMs) / 1_000).toFixed(1)} s between this clock and that of Postgres`;
  const fix = 'let both machines follow an NTP server (timedatectl set-ntp true)';
  return Math.abs(skewMs) > CLOCK_TOLERANCE_MS ? warn('clock', what, fix) : ok('clock', what);
}

/** @param poolSize connections of one process: the api and the worker each open as many, and some more */
export function checkPostgres(facts: PostgresFacts, poolSize: number): Finding[] {
  const major = Number(/\d+/.exec(facts.version)?.[0] ?? 0);
  const what = `version ${facts.version}`;
  const wanted = 2 * poolSize + 10;
  const connections = `max_connections is ${facts.maxConnections}`;
  return [
    major >= OLDEST_POSTGRES
      ? ok('postgres', what)
      : fail('postgres', `${what} is too old`, `upgrade to Postgres ${OLDEST_POSTGRES} or newer`),
    facts.maxConnections >= wanted
      ? ok('postgres connections', connections)
      : warn('postgres connections', connections, `raise it to ${wanted} or lower DATABASE_POOL_SIZE`),
  ];
}

/** Redis must keep what it was given: settings that lose events fail, unknown ones warn. */
export function checkRedis(facts: RedisFacts): Finding[] {
  const { version, settings } = facts;
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const upgrade = 'upgrade to Redis 6.2 or newer';
  const findings: Finding[] = [];
  if (version === undefined)
    findings.push(warn('redis', 'INFO is refused', 'allow INFO, or check version and memory by hand'));
  else if (major > 6 || (major === 6 && minor >= 2)) findings.push(ok('redis', `version ${version}`));
  else findings.push((major < 5 ? fail : warn)('redis', `version ${version} is too old`, upgrade));
  findings.push(...checkRedisMemory(facts));
  if (!settings) {
    const byHand = Object.entries(REDIS_SETTINGS).map(([name, { wanted }]) => `${name} ${wanted}`);
    return [...findings, warn('redis settings', 'CONFIG is refused', `make sure of ${byHand.join(', ')}`)];
  }
  for (const [name, { wanted, why }] of Object.entries(REDIS_SETTINGS)) {
    const what = `${name} is ${settings[name] ?? 'unknown'}`;
    const fix = `redis-cli CONFIG SET ${name} ${wanted}, and the same in redis.conf`;
    findings.push(
      settings[name] === wanted ? ok(`redis ${name}`, what) : fail(`redis ${name}`, `${what}: ${why}`, fix),
    );
  }
  return findings;
}

function checkRedisMemory({ usedMemory, maxMemory }: RedisFacts): Finding[] {
  if (usedMemory === undefined || maxMemory === undefined) return [];
  const used = `${mebibytes(usedMemory)} used`;
  if (maxMemory === 0) {
    const fix = 'set maxmemory below the machine’s memory, so that a long queue cannot exhaust it';
    return [warn('redis memory', `${used}, without a limit`, fix)];
  }
  const what = `${used} of ${mebibytes(maxMemory)}`;
  const fix = 'raise maxmemory or add workers: a full Redis takes no more events and stops the workers too';
  return [usedMemory >= maxMemory * REDIS_FULL ? warn('redis memory', what, fix) : ok('redis memory', what)];
}

/**
 * Asks a Redis server for version, memory and the settings that durability hangs on.
 * @throws where the server cannot be reached or turns the credentials down
 */
export async function probeRedis(url: string): Promise<RedisFacts> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    disconnectTimeout: 100,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let lastError: unknown;
  redis.on('error', (error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    const info = await redis.info().catch(() => undefined);
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info ?? '')?.[1];
    const numeric = (name: string) => (field(name) === undefined ? undefined : Number(field(name)));
    return {
      version: field('redis_version'),
      usedMemory: numeric('used_memory'),
      maxMemory: numeric('maxmemory'),
      settings: await redisSettings(redis),
    };
  } catch (error) {
    throw lastError ?? error;
  } finally {
    redis.disconnect();
  }
}

async function redisSettings(redis: Redis): Promise<Record<string, string> | undefined> {
  const settings: Record<string, string> = {};
  try {
    for (const name of Object.keys(REDIS_SETTINGS)) {
      const [, value] = await redis.config('GET', name);
      if (value !== undefined) settings[name] = value;
    }
    return settings;
  } catch {
    return undefined;
  }
}

async function examineInstance(home: string): Promise<Finding[]> {
  const ready = await readReadyFile(home);
  if (!ready) return [warn('instance', `none is running in ${home}`, 'start one with "npm start"')];
  const [health, readiness] = await Promise.all([
    answerOf(ready.url, '/healthz'),
    answerOf(ready.url, '/readyz'),
  ]);
  if (health.status !== 200) {
    const what = `${ready.url} does not answer (${health.text}), process ${ready.pid}`;
    return [
      fail('instance', what, `start it again with "npm start"; if none runs, remove ${home}/ready.json`),
    ];
  }
  const running = ok('instance', `running at ${ready.url}, process ${ready.pid}`);
  if (readiness.status === 200) return [running];
  return [running, fail('readiness', readiness.text, 'look at what /readyz names and at the log')];
}

async function answerOf(url: string, route: string): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(new URL(route, url), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: response.status, text: oneLine(`${response.status} ${await response.text()}`) };
  } catch (error) {
    return { status: 0, text: oneLine(messageOf(error)) };
  }
}

function readSettings(env: CommandIo['env']): Env | Finding {
  try {
    return parseEnv(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail('settings', error.message, 'correct these environment variables');
  }
}

function examinePort({ PORT: port, HOST: host }: Env): Promise<Finding> {
  if (port === 0) return Promise.resolve(ok('port', 'PORT is 0: any free one'));
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      const fix = 'stop what uses it, or set PORT to another one (0 takes any free one)';
      resolve(fail('port', `${host}:${port} cannot be used: ${error.message}`, fix));
    });
    server.listen(port, host, () => server.close(() => resolve(ok('port', `${host}:${port} is free`))));
  });
}

async function examinePostgres(settings: Env, io: CommandIo, options: DoctorOptions): Promise<Finding[]> {
  if (settings.DATABASE_URL === undefined) return [ok('postgres', 'DATABASE_URL is not set: embedded')];
  const before = io.now();
  const facts = await options.probePostgres(settings.DATABASE_URL);
  const middle = (before + io.now()) / 2;
  return [...checkPostgres(facts, settings.DATABASE_POOL_SIZE), checkClock(facts.now.getTime() - middle)];
}

async function examineRedis(url: string | undefined): Promise<Finding[]> {
  return url === undefined
    ? [ok('redis', 'REDIS_URL is not set: not needed')]
    : checkRedis(await probeRedis(url));
}

async function examined(check: string, fix: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [fail(check, `cannot be checked: ${oneLine(messageOf(error))}`, fix)];
  }
}

async function freeBytes(home: string): Promise<number> {
  let dir = home;
  while (!existsSync(dir)) dir = path.dirname(dir);
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

function formatFindings(findings: Finding[]): string {
  const lines = findings.flatMap(({ level, check, what, fix }) => [
    `${level.padEnd(5)} ${check.padEnd(22)} ${what}`,
    ...(fix === undefined ? [] : [`${' '.repeat(28)} fix: ${fix}`]),
  ]);
  return `${lines.join('\n')}\n`;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MIB).toLocaleString('en-US')} MiB`;
}

function ok(check: string, what: string): Finding {
  return { check, level: 'ok', what };
}

function warn(check: string, what: string, fix: string): Finding {
  return { check, level: 'warn', what, fix };
}

function fail(check: string, what: string, fix: string): Finding {
  return { check, level: 'fail', what, fix };
}
