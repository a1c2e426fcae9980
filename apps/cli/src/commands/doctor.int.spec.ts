import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkRedis, probeRedis } from './doctor.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
// Where Redis must be there, the suite's own setup has already failed without it.
const describeWithRedis = hasRedis ? describe : describe.skip;

describeWithRedis('probeRedis on a real server', () => {
  let dir: string;
  let port: number;
  let server: ChildProcess | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'errata-redis-'));
    port = await freePort();
  });
  afterEach(async () => {
    const stopping = server;
    server = undefined;
    if (stopping?.exitCode === null) {
      const exited = new Promise((resolve) => stopping.once('exit', resolve));
      stopping.kill();
      await exited;
    }
    await rm(dir, { recursive: true });
  });

  async function start(...settings: string[]): Promise<void> {
    const file = path.join(dir, 'redis.conf');
    await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, ...settings].join('\n'));
    const started = spawn('redis-server', [file]);
    server = started;
    await new Promise<void>((resolve, reject) => {
      started.once('error', reject);
      started.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
      started.stdout.on('data', (text: Buffer) => text.includes('Ready to accept') && resolve());
    });
  }

  const faults = async (user = ''): Promise<string[]> => {
    const findings = checkRedis(await probeRedis(`redis://${user}127.0.0.1:${port}`));
    return findings.filter(({ level }) => level !== 'ok').map(({ check, level }) => `${level} ${check}`);
  };

  it('is content with durable settings', async () => {
    await start('appendonly yes', 'appendfsync always', 'maxmemory 64mb');
    expect(await faults()).toEqual([]);
    expect(await probeRedis(`redis://127.0.0.1:${port}`)).toMatchObject({ maxMemory: 64 * 1024 * 1024 });
  });

  it('finds every setting of a cache', async () => {
    await start('maxmemory-policy allkeys-lru');
    expect(await faults()).toEqual([
      'warn redis memory',
      'fail redis appendonly',
      'fail redis appendfsync',
      'fail redis maxmemory-policy',
    ]);
  });

  it('warns where INFO and CONFIG are refused, fails where the password is', async () => {
    await start('user default on >right ~* +@all -config -info');
    expect(await faults(':right@')).toEqual(['warn redis', 'warn redis settings']);
    await expect(probeRedis(`redis://:wrong@127.0.0.1:${port}`)).rejects.toThrow(/WRONGPASS/);
    await expect(probeRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow(/NOAUTH/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
