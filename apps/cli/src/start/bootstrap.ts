import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SCOPES } from '@errata/contracts';
import {
  createApiToken,
  createIngestKey,
  createProject,
  ensureOrganization,
  findApiToken,
  findIngestKey,
} from '@errata/storage';
import type { Storage } from '@errata/storage';

/** What the first start makes and every later one finds again. */
export interface Credentials {
  projectId: number;
  ingestKey: string;
  apiToken: string;
}

/**
 * Makes the first organization, project, ingest key and API token; finds them again on later starts.
 *
 * The API token is kept in `credentials.json`, readable by its owner only, because the database
 * holds nothing but its hash.
 */
export async function bootstrap(storage: Storage, home: string, now: number): Promise<Credentials> {
  const file = path.join(home, 'credentials.json');
  const kept = await readKept(file);
  if (kept !== undefined && (await stillGood(storage, kept, now))) return kept;
  const organization = await ensureOrganization(storage.db, 'default', 'Default organization');
  const first = await storage.db.project.findFirst({
    where: { organizationId: organization.id },
    orderBy: { id: 'asc' },
  });
  const project =
    first ??
    (await createProject(storage, { organizationId: organization.id, slug: 'default', name: 'My API' }, now));
  const key = await createIngestKey(storage, { projectId: project.id, label: 'first key' }, now);
  const token = await createApiToken(
    storage,
    {
      organizationId: organization.id,
      name: 'first token',
      scopes: [...SCOPES],
      requestsPerMinute: LOCAL_REQUESTS_PER_MINUTE,
    },
    now,
  );
  const credentials: Credentials = { projectId: project.id, ingestKey: key.publicKey, apiToken: token.token };
  await writeFile(file, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  return credentials;
}

/** The local admin's token; tokens made over REST get the default of 120. */
const LOCAL_REQUESTS_PER_MINUTE = 6_000;

async function readKept(file: string): Promise<Credentials | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Credentials;
  } catch {
    return undefined;
  }
}

// The file may belong to another database, or somebody revoked what it names.
async function stillGood(storage: Storage, kept: Credentials, now: number): Promise<boolean> {
  const key = await findIngestKey(storage.db, kept.ingestKey ?? '');
  const token = await findApiToken(storage.db, kept.apiToken ?? '');
  const keyGood =
    key !== undefined && key.revokedAt === null && (key.expiresAt === null || key.expiresAt.getTime() > now);
  return keyGood && token !== undefined && token.revokedAt === null;
}
