import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from './failure.js';
import { parseObject } from './json.js';

/** Where events go. */
export interface Target {
  /** Address of the ingest endpoint. */
  eventsUrl: string;
  /** Ingest key. */
  key: string;
}

/** What a running instance writes to `$ERRATA_HOME/ready.json`. */
export interface ReadyFile {
  url: string;
  dsn: string;
  projectId: string;
  ingestKey: string;
  apiToken: string;
  pid: number;
}

/**
 * Takes a DSN apart, `https://<key>@<host>[/<prefix>]/<project>`.
 * @throws Failure saying what a DSN looks like; it never repeats the key
 */
export function parseDsn(dsn: string): Target {
  const shape = 'A DSN looks like https://<ingest key>@<host>/<project id>';
  const url = URL.canParse(dsn) ? new URL(dsn) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Failure(`the DSN is not an http(s) address. ${shape}.`);
  if (url.username === '') throw new Failure(`the DSN has no ingest key before the @. ${shape}.`);
  const prefix = /^(\/.*?)?\/(\d+)\/?$/.exec(url.pathname);
  if (!prefix) throw new Failure(`the DSN does not end in a project id. ${shape}.`);
  return { eventsUrl: `${url.origin}${prefix[1] ?? ''}/v1/events`, key: decodeURIComponent(url.username) };
}

/** Directory of the local instance: `ERRATA_HOME`, by default `.errata` under the current directory. */
export function errataHome(env: Record<string, string | undefined>, cwd: string): string {
  return path.resolve(cwd, env['ERRATA_HOME'] || '.errata');
}

/**
 * Reads what the running instance says about itself.
 * @returns undefined where no instance has written the file
 * @throws Failure where the file is there but cannot be used
 */
export async function readReadyFile(home: string): Promise<ReadyFile | undefined> {
  const file = path.join(home, 'ready.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Failure(`cannot read ${file} (${code}).`);
  }
  const ready = parseObject(text) as Partial<ReadyFile> | undefined;
  if (typeof ready?.dsn !== 'string' || typeof ready.url !== 'string') {
    throw new Failure(`${file} names no url and dsn; stop the instance, remove the file and start again.`);
  }
  return ready as ReadyFile;
}

/**
 * The DSN's target, or else the local running instance's.
 * @throws Failure where neither is there
 */
export async function findTarget(dsn: string | undefined, home: string): Promise<Target> {
  if (dsn !== undefined) return parseDsn(dsn);
  const ready = await readReadyFile(home);
  if (ready) return parseDsn(ready.dsn);
  throw new Failure(
    `no running instance: ${path.join(home, 'ready.json')} is not there. Start one with "npm start", ` +
      'set ERRATA_HOME to its directory, or give --dsn.',
  );
}
