import path from 'node:path';
import type { Env } from './env.js';
import { loadOrCreateKey } from './secret-box.js';

/**
 * The key that channel secrets are sealed with: from ERRATA_SECRET_KEY, else from `secret.key` in
 * ERRATA_HOME, which is made on first use and readable by its owner only.
 */
export function loadSecretKey(env: Pick<Env, 'ERRATA_SECRET_KEY' | 'ERRATA_HOME'>): Promise<Buffer> {
  if (env.ERRATA_SECRET_KEY !== undefined)
    return Promise.resolve(Buffer.from(env.ERRATA_SECRET_KEY, 'base64'));
  return loadOrCreateKey(path.join(env.ERRATA_HOME, 'secret.key'));
}
