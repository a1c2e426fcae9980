import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CommandIo } from '../replay/failure.js';
import { processIo } from '../replay/failure.js';
import {
  checkClock,
  checkDisk,
  checkMemory,
  checkNode,
  checkPostgres,
  checkRedis,
  diagnose,
} from './doctor.js';
import type { Finding, RedisFacts } from './doctor.js';

const MIB = 1024 * 1024;

describe('checks', () => {
  it.each<[string, Finding, Finding['level']]>([
    ['Node 18', checkNode('18.20.0'), 'fail'],
    ['Node 20.18', checkNode('20.18.3'), 'fail'],
    ['Node 20.19', checkNode('20.19.0'), 'ok'],
    ['Node 24', checkNode('24.0.0'), 'ok'],
    ['100 MiB of disk', checkDisk(100 * MIB, '/srv'), 'fail'],
    ['1 GiB of disk', checkDisk(1024 * MIB, '/srv'), 'warn'],
    ['10 GiB of disk', checkDisk(10_240 * MIB, '/srv'), 'ok'],
    ['little memory', checkMemory(100 * MIB), 'warn'],
    ['enough memory', checkMemory(1024 * MIB), 'ok'],
    ['a clock that agrees', checkClock(-2_000), 'ok'],
    ['a clock behind', checkClock(2_001), 'warn'],
    ['a clock ahead', checkClock(-60_000), 'warn'],
  ])('%s', (_name, finding, level) => {
    expect(finding.level).toBe(level);
    expect(finding.fix !== undefined).toBe(level !== 'ok');
  });

  it.each([
    ['14.12', 100, ['fail', 'ok']],
    ['15.0 (Debian 15.0-1)', 100, ['ok', 'ok']],
    ['18.4', 25, ['ok', 'warn']],
  ])('Postgres %s with %i connections', (version, maxConnections, levels) => {
    const findings = checkPostgres({ version, maxConnections, now: new Date(0) }, 8);
    expect(findings.map((finding) => finding.level)).toEqual(levels);
  });

  const durable = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' };
  const healthy: RedisFacts = { version: '7.2.1', usedMemory: 10, maxMemory: 100, settings: durable };
  it.each<[string, RedisFacts, Record<string, Finding['level']>]>([
    ['as it should be', healthy, {}],
    ['too old', { ...healthy, version: '4.0.1' }, { redis: 'fail' }],
    ['old', { ...healthy, version: '6.0.16' }, { redis: 'warn' }],
    ['filling up', { ...healthy, usedMemory: 60 }, { 'redis memory': 'warn' }],
    ['without a limit', { ...healthy, maxMemory: 0 }, { 'redis memory': 'warn' }],
    ['without CONFIG', { ...healthy, settings: undefined }, { 'redis settings': 'warn' }],
    ['without INFO', { settings: durable }, { redis: 'warn' }],
    [
      'set to forget',
      {
        ...healthy,
        settings: { appendonly: 'no', appendfsync: 'everysec', 'maxmemory-policy': 'allkeys-lru' },
      },
      { 'redis appendonly': 'fail', 'redis appendfsync': 'fail', 'redis maxmemory-policy': 'fail' },
    ],
  ])('Redis %s', (_name, facts, expected) => {
    const bad = checkRedis(facts).filter((finding) => finding.level !== 'ok');
    expect(Object.fromEntries(bad.map(({ check, level }) => [check, level]))).toEqual(expected);
    expect(bad.every((finding) => finding.fix)).toBe(true);
  });
});

describe('diagnose', () => {
  let home: string;
  let server: Server | undefined;
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'errata-doctor-'));
  });
  afterEach(async () => {
    await rm(home, { recursive: true });
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    server = undefined;
  });

  async function levels(env: Record<string, string>, probe?: () => Promise<never>) {
    const io: CommandIo = { ...processIo(), env: { ERRATA_HOME: home, PORT: '0', ...env }, cwd: '/' };
    const now = new Date();
    const probePostgres = probe ?? (() => Promise.resolve({ version: '18.4', now, maxConnections: 100 }));
    const findings = await diagnose(io, { probePostgres, nodeVersion: '20.19.0' });
    return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
  }

  async function listen(readiness = 200): Promise<number> {
    server = createServer((request, response) => {
      response.statusCode = request.url === '/readyz' ? readiness : 200;
      response.end(request.url === '/readyz' ? '{"queue":"down"}' : '{}');
    });
    const listening = server;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as AddressInfo;
    const ready = { url: `http://127.0.0.1:${port}`, dsn: `http://k@127.0.0.1:${port}/1`, pid: 1 };
    await writeFile(path.join(home, 'ready.json'), JSON.stringify(ready));
    return port;
  }

  it('is calm before the first start', async () => {
    const found = await levels({});
    expect(found['instance']).toMatchObject({ level: 'warn', fix: expect.stringContaining('npm start') });
    expect(found['port']?.level).toBe('ok');
    expect(found['postgres']).toMatchObject({ level: 'ok', what: expect.stringContaining('embedded') });
    expect(found['redis']?.level).toBe('ok');
  });

  it('looks at the running instance and leaves its port alone', async () => {
    const port = await listen();
    const found = await levels({ PORT: String(port) });
    expect(found['instance']?.level).toBe('ok');
    expect(found).not.toHaveProperty('port');
    expect(found).not.toHaveProperty('readiness');
  });

  it('repeats what an instance that is not ready says', async () => {
    await listen(503);
    const found = await levels({});
    expect(found['readiness']).toMatchObject({ level: 'fail', what: '503 {"queue":"down"}' });
  });

  it('finds an instance that is gone, and a port that something else holds', async () => {
    const port = await listen();
    await writeFile(
      path.join(home, 'ready.json'),
      '{"url":"http://127.0.0.1:1","dsn":"http://k@h/1","pid":1}',
    );
    const found = await levels({ PORT: String(port) });
    expect(found['instance']).toMatchObject({ level: 'fail', fix: expect.stringContaining('ready.json') });
    expect(found['port']).toMatchObject({ level: 'fail', what: expect.stringContaining('EADDRINUSE') });
  });

  it('asks Postgres where DATABASE_URL is set and says why it cannot', async () => {
    const env = { DATABASE_URL: 'postgres://app:secret@127.0.0.1:1/errata' };
    expect(await levels(env)).toMatchObject({
      postgres: { level: 'ok', what: 'version 18.4' },
      clock: { level: 'ok' },
    });
    const down = await levels(env, () => Promise.reject(new Error('connect ECONNREFUSED')));
    expect(down['postgres']).toMatchObject({ level: 'fail', what: expect.stringContaining('ECONNREFUSED') });
    expect(JSON.stringify(down)).not.toContain('secret');
  });

  it('says why Redis cannot be reached', async () => {
    const found = await levels({ REDIS_URL: 'redis://:secret@127.0.0.1:1' });
    expect(found['redis']).toMatchObject({ level: 'fail', what: expect.stringContaining('ECONNREFUSED') });
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('names settings that are wrong instead of guessing', async () => {
    const found = await levels({ PORT: 'many' });
    expect(found['settings']).toMatchObject({ level: 'fail', what: expect.stringContaining('PORT') });
    expect(found).not.toHaveProperty('postgres');
  });
});
