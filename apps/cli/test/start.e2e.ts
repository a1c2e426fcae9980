import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '@errata/testing';

const BIN = path.resolve(__dirname, '../bin/errata.js');

interface Ready {
  url: string;
  dsn: string;
  projectId: string;
  ingestKey: string;
  apiToken: string;
  pid: number;
}

interface Instance {
  child: ChildProcess;
  output: () => string;
  exit: Promise<number | null>;
}

/** `npm start` as a person meets it: first start, second start, and everything that can be in the way. */
describe('errata start', () => {
  let home: string;
  const running: Instance[] = [];

  beforeEach(async () => {
    home = await mkdtemp(path.join(os.tmpdir(), 'errata-start-'));
    await chmod(home, 0o755);
  });
  afterEach(async () => {
    for (const instance of running.splice(0)) {
      instance.child.kill('SIGTERM');
      await instance.exit;
    }
    await rm(home, { recursive: true, force: true });
  });

  const start = (env: Record<string, string> = {}): Instance => {
    const { REDIS_URL: _redis, DATABASE_URL: _database, ...inherited } = process.env;
    const child = spawn(process.execPath, [BIN, 'start'], {
      env: { ...inherited, ERRATA_HOME: home, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const instance = {
      child,
      output: () => output,
      exit: new Promise<number | null>((resolve) => child.once('exit', resolve)),
    };
    running.push(instance);
    return instance;
  };
  const ready = async (instance: Instance): Promise<Ready> => {
    await eventually(
      () => {
        if (instance.child.exitCode !== null) throw new Error(instance.output());
        expect(existsSync(path.join(home, 'ready.json'))).toBe(true);
      },
      100_000,
      100,
    );
    return eventually(
      async () => {
        if (instance.child.exitCode !== null) throw new Error(instance.output());
        const found = JSON.parse(await readFile(path.join(home, 'ready.json'), 'utf8')) as Ready;
        expect(found.pid).toBe(instance.child.pid);
        return found;
      },
      100_000,
      100,
    );
  };
  const events = async ({ url, projectId, apiToken }: Ready) => {
    const response = await fetch(`${url}/api/v1/projects/${projectId}/events`, {
      headers: { authorization: `Bearer ${apiToken}` },
    });
    return ((await response.json()) as { data: Array<{ code: string }> }).data;
  };

  it('prints a curl line that works, stops in order and finds its data again', async () => {
    const first = start();
    const before = await ready(first);
    expect(before).toMatchObject({
      dsn: expect.stringMatching(/^http:\/\/[0-9a-f]{32}@127\.0\.0\.1:\d+\/\d+$/),
      pid: first.child.pid,
    });
    for (const text of [before.url, before.dsn, before.apiToken]) expect(first.output()).toContain(text);
    const line = first
      .output()
      .split('\n')
      .find((text) => text.trim().startsWith('curl -sS -X POST'))!;
    const pasted = spawn('/bin/sh', ['-c', line], { stdio: 'ignore' });
    expect(await new Promise((resolve) => pasted.once('exit', resolve))).toBe(0);
    await eventually(
      async () => expect(await events(before)).toMatchObject([{ code: 'RATE_LIMIT_EXCEEDED' }]),
      10_000,
    );

    const second = start();
    expect(await second.exit).toBe(1);
    expect(second.output()).toMatch(/^errata: another Errata \(process \d+\) already runs on .*ERRATA_HOME/m);

    first.child.kill('SIGINT');
    expect(await first.exit).toBe(0);
    expect(existsSync(path.join(home, 'ready.json'))).toBe(false);
    expect(existsSync(path.join(home, 'errata.lock'))).toBe(false);

    const again = await ready(start());
    expect(again).toMatchObject({
      projectId: before.projectId,
      ingestKey: before.ingestKey,
      apiToken: before.apiToken,
    });
    expect(await events(again)).toHaveLength(1);
  }, 300_000);

  it('starts its processes again when they are killed, and the server of a killed launcher', async () => {
    const first = start();
    const before = await ready(first);
    await fetch(`${before.url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${before.ingestKey}` },
      body: '{"error":{"code":"A"}}',
    });
    await eventually(async () => expect(await events(before)).toHaveLength(1), 10_000);
    first.child.kill('SIGKILL');
    await first.exit;
    const again = await ready(start());
    await eventually(async () => expect(await events(again)).toHaveLength(1), 10_000);
  }, 300_000);

  it('says in one sentence that the port is in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const instance = start({ PORT: String(port) });
    expect(await instance.exit).toBe(1);
    expect(instance.output().trim()).toBe(
      `errata: port ${port} on 127.0.0.1 is in use. Stop the other program, or set PORT to another one (0 = any free).`,
    );
    await new Promise((resolve) => server.close(resolve));
  }, 60_000);

  it('says in one sentence that the data directory is broken', async () => {
    await mkdir(path.join(home, 'postgres'));
    await writeFile(path.join(home, 'postgres', 'something'), 'else');
    const instance = start();
    expect(await instance.exit).toBe(1);
    expect(instance.output()).toMatch(
      /errata: .*postgres is not empty and not a Postgres cluster .*ERRATA_HOME/,
    );
    expect(instance.output()).not.toMatch(/at .*\.js:\d+/);
  }, 60_000);

  it('says which setting is wrong', async () => {
    const instance = start({ COALESCE_MS: 'soon' });
    expect(await instance.exit).toBe(1);
    expect(instance.output()).toMatch(/^errata: settings are wrong: COALESCE_MS: .*docs\/configuration\.md/m);
  }, 60_000);
});
