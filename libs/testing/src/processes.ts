import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '@errata/platform';

const ROOT = path.resolve(__dirname, '../../..');

/** A real api or worker process, started from the build as in production. */
export interface TestProcess {
  address: string;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the orderly end. */
  stop(): Promise<void>;
  /** Starts it again with the same settings, hence on the same port. */
  restart(): Promise<void>;
  output(): string;
}

/**
 * Starts `apps/<name>/dist/main.js`.
 * @param env settings on top of a quiet, private default
 */
export async function startProcess(
  name: 'api' | 'worker',
  env: Record<string, string | undefined>,
): Promise<TestProcess> {
  const port = String(await freePort());
  const home = await mkdtemp(path.join(os.tmpdir(), `errata-${name}-`));
  const settings = {
    PATH: process.env['PATH'],
    LOG_LEVEL: 'warn',
    ERRATA_HOME: home,
    WEBHOOK_ALLOW_PRIVATE: 'true',
    PORT: port,
    WORKER_PORT: port,
    // All processes of a test must open the same channel secrets.
    ERRATA_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    ...env,
  };
  let output = '';
  let child: ChildProcess;
  const process_: TestProcess = {
    address: '',
    output: () => output,
    kill: () => end(child, 'SIGKILL'),
    stop: () => end(child, 'SIGTERM'),
    restart: async () => {
      child = fork(path.join(ROOT, 'apps', name, 'dist/main.js'), [], {
        env: settings,
        execArgv: [],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      });
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (chunk: Buffer) => {
          output = (output + chunk.toString()).slice(-50_000);
        });
      }
      process_.address = await ready(child, name, () => output);
    },
  };
  await process_.restart();
  return process_;
}

function ready(child: ChildProcess, name: string, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: { ready?: string; failed?: string }) => {
      if (message.ready !== undefined) resolve(message.ready);
      if (message.failed !== undefined) reject(new Error(`${name} did not start: ${message.failed}`));
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`${name} ended at once (${signal ?? code}): ${output()}`)),
    );
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}
