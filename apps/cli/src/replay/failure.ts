/** Something the user must fix; the message is one clear sentence for stderr. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** The world around a command, so that tests can bring their own. */
export interface CommandIo {
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream & { isTTY?: boolean };
  env: Record<string, string | undefined>;
  cwd: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** In [0, 1), for jitter. */
  random: () => number;
  setExitCode: (code: number) => void;
}

/** The real world: this process. */
export function processIo(): CommandIo {
  return {
    // Looked up late: touching process.stdin opens it, also for commands that never read it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    random: () => Math.random(),
    setExitCode: (code) => {
      process.exitCode = code;
    },
  };
}

/**
 * Runs a command's work; whatever it throws becomes one `errata: …` line on stderr and exit code 1.
 */
export async function guarded(io: CommandIo, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    io.stderr.write(`errata: ${oneLine(messageOf(error))}\n`);
    io.setExitCode(1);
  }
}

/** The message of anything that was thrown, with the cause that `fetch` hides behind "fetch failed". */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0]);
  if (cause instanceof Error) return messageOf(cause);
  return error.message || error.name;
}

/** Text from elsewhere on one line, without control characters, at most 500 characters. */
export function oneLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 500);
}
