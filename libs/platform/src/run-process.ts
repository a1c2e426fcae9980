import { ConfigError, parseEnv } from './env.js';
import type { Env } from './env.js';

export interface RunningProcess {
  /** Said to the launcher and printed: where this process can be reached. */
  address: string;
  close(): Promise<void>;
}

/** Longest orderly shutdown; a supervisor's SIGKILL usually comes after 30 s. */
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Runs a server process from start to orderly end: SIGTERM, SIGINT or a lost launcher close it once,
 * a second signal ends it at once, and a failed start is one sentence and exit code 1.
 */
export async function runProcess(name: string, start: (env: Env) => Promise<RunningProcess>): Promise<void> {
  let running: RunningProcess | undefined;
  let closing = false;
  const close = (code: number) => {
    if (closing) process.exit(code === 0 ? 1 : code);
    closing = true;
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    Promise.resolve(running?.close()).then(
      () => process.exit(code),
      (error: unknown) => {
        process.stderr.write(`errata ${name}: could not stop in order: ${messageOf(error)}\n`);
        process.exit(1);
      },
    );
  };
  // Under a launcher only it decides: a Ctrl-C in the terminal reaches every process at once.
  if (process.send === undefined) process.on('SIGINT', () => close(0));
  else process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => close(0));
  process.on('disconnect', () => {
    if (!closing) close(0);
  });
  try {
    running = await start(parseEnv());
    process.send?.({ ready: running.address });
  } catch (error) {
    process.stderr.write(`errata ${name}: ${messageOf(error)}\n`);
    process.send?.({ failed: messageOf(error) });
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
