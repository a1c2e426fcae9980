import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Env } from './env.js';

/**
 * The key that channel secrets are sealed with: from ERRATA_SECRET_KEY, else from `secret.key` in
 * ERRATA_HOME, which is made on first use and readable by its owner only.
 */
export async function loadSecretKey(env: Pick<Env, 'ERRATA_SECRET_KEY' | 'ERRATA_HOME'>): Promise<Buffer> {
  if (env.ERRATA_SECRET_KEY !== undefined) return Buffer.from(env.ERRATA_SECRET_KEY, 'base64');
  const file = path.join(env.ERRATA_HOME, 'secret.key');
  await mkdir(env.ERRATA_HOME, { recursive: true });
  try {
    // The flag makes this the one process that creates it; the others read.
    await writeFile(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return Buffer.from((await readFile(file, 'utf8')).trim(), 'base64');
}
