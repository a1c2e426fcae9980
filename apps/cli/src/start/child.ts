import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

/** One of the processes that `errata start` runs and, if it dies, starts again. */
export interface Child {
  readonly name: string;
  readonly pid: number | undefined;
  /** Address it said it can be reached at. */
  readonly address: string;
  stop(): Promise<void>;
}

export interface ChildOptions {
  name: string;
  file: string;
  env: NodeJS.ProcessEnv;
  /** The child keeps dying: whoever started it should give up. */
  onGivingUp: (message: string) => void;
  onRestart: (message: string) => void;
  /** True once everything is being stopped: a signal to the whole group ends the children too. */
  isStopping: () => boolean;
}

/** Deaths within this time that are one too many. */
const MAX_DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;
const RESTART_PAUSE_MS = 500;
const STOP_TIMEOUT_MS = 25_000;

/**
 * Starts a process and waits until it says that it is ready.
 * @throws Error with the process's own sentence where it could not start
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  let process_ = spawn(options);
  let address = await untilReady(process_);
  let stopping = false;
  const deaths: number[] = [];

  const watch = () => {
    process_.once('exit', (code, signal) => {
      if (stopping || options.isStopping()) return;
      deaths.push(Date.now());
      if (deaths.filter((at) => at > Date.now() - DEATHS_WITHIN_MS).length >= MAX_DEATHS) {
        options.onGivingUp(
          `the ${options.name} process died ${MAX_DEATHS} times within a minute (last: ${signal ?? `exit code ${code}`})`,
        );
        return;
      }
      options.onRestart(
        `the ${options.name} process ended (${signal ?? `exit code ${code}`}) and is started again`,
      );
      setTimeout(() => void restart(), RESTART_PAUSE_MS);
    });
  };

  const restart = async () => {
    if (stopping || options.isStopping()) return;
    process_ = spawn(options);
    watch();
    address = await untilReady(process_).catch(() => address);
  };

  watch();
  return {
    name: options.name,
    get pid() {
      return process_.pid;
    },
    get address() {
      return address;
    },
    stop: async () => {
      stopping = true;
      await end(process_);
    },
  };
}

function spawn(options: ChildOptions): ChildProcess {
  return fork(options.file, [], {
    env: options.env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--enable-source-maps'],
  });
}

async function untilReady(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with exit code ${code}`)));
    child.on('message', (message: { ready?: string; failed?: string }) => {
      if (message.ready !== undefined) resolve(message.ready);
      if (message.failed !== undefined) reject(new Error(message.failed));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(force);
}
