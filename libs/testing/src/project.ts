import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { SCOPES, parseCatalog } from '@errata/contracts';
import {
  createApiToken,
  createIngestKey,
  createProject,
  ensureOrganization,
  openStorage,
  seedCatalogs,
} from '@errata/storage';

const CATALOGS = path.resolve(__dirname, '../../../catalogs');

/** A project as `npm start` makes it, with a key and an all-powerful token. */
export interface TestProject {
  projectId: number;
  ingestKey: string;
  apiToken: string;
  organizationId: string;
}

/** Fills a test database with the shipped catalogs and one project. */
export async function createTestProject(
  databaseUrl: string,
  key: { multiTenant?: boolean; ratePerSecond?: number; burst?: number } = {},
): Promise<TestProject> {
  const storage = await openStorage({ databaseUrl, poolSize: 2 });
  try {
    const files = (await readdir(CATALOGS)).filter((name) => name.endsWith('.yaml')).sort();
    const catalogs = await Promise.all(
      files.map(async (name) => parseCatalog(await readFile(path.join(CATALOGS, name), 'utf8'))),
    );
    await seedCatalogs(storage.db, catalogs);
    const now = Date.now();
    const organization = await ensureOrganization(storage.db, 'default', 'Default');
    const project = await createProject(
      storage,
      { organizationId: organization.id, name: `Test ${now}` },
      now,
    );
    const ingest = await createIngestKey(storage, { projectId: project.id, ...key }, now);
    const token = await createApiToken(
      storage,
      { organizationId: organization.id, name: 'test', scopes: SCOPES, requestsPerMinute: 60_000 },
      now,
    );
    return {
      projectId: project.id,
      ingestKey: ingest.publicKey,
      apiToken: token.token,
      organizationId: organization.id,
    };
  } finally {
    await storage.close();
  }
}
