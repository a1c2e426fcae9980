import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Another `errata start` already works on the same directory. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
}

interface Holder {
  pid: number;
  /** The kernel's start time of that process, where it can be had: process ids are used again. */
  started: string | undefined;
}

/**
 * Takes the lock of a data directory, so that two instances never share one.
 * @returns releases it
 * @throws AlreadyRunningError naming the process that holds it
 */
export async function lockInstance(home: string): Promise<() => Promise<void>> {
  await mkdir(home, { recursive: true, mode: 0o755 });
  const file = path.join(home, 'errata.lock');
  const own: Holder = { pid: process.pid, started: await startTime(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(file, JSON.stringify(own), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await removeIfStale(file, home);
    }
  }
  throw new AlreadyRunningError(
    `another Errata is starting on ${home}. Wait for it, or set ERRATA_HOME to another directory.`,
  );
}

async function removeIfStale(file: string, home: string): Promise<void> {
  const holder = parseHolder(await readFile(file, 'utf8').catch(() => ''));
  if (holder !== undefined && (await isRunning(holder))) {
    throw new AlreadyRunningError(
      `another Errata (process ${holder.pid}) already runs on ${home}. Stop it, or set ERRATA_HOME to another directory.`,
    );
  }
  await rm(file, { force: true });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    return typeof value.pid === 'number' ? { pid: value.pid, started: value.started } : undefined;
  } catch {
    return undefined;
  }
}

async function isRunning(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return holder.started === (await startTime(holder.pid));
}

// Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces, so counting starts after it.
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
