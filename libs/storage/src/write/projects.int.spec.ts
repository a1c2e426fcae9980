import { createHash } from 'node:crypto';
import { HOUR, SECOND } from '@errata/core';
import type { Catalog } from '@errata/core';
import { createTestDatabase } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { openStorage } from '../storage.js';
import type { Storage } from '../storage.js';
import {
  createIngestKey,
  findIngestKey,
  listIngestKeys,
  revokeIngestKey,
  rotateIngestKey,
} from './ingest-keys.js';
import {
  listProjectCatalogs,
  loadProjectCatalogs,
  projectCatalogsVersion,
  replaceProjectCatalogs,
} from './project-catalogs.js';
import { SlugTakenError, createProject, ensureOrganization, findProject, updateProject } from './projects.js';
import { seedCatalogs } from './seed-catalogs.js';
import { createApiToken, findApiToken, listApiTokens, newTokenText, revokeApiToken } from './tokens.js';

const NOW = Date.UTC(2026, 10, 22, 9, 0, 0);
const actor = 'token:test';

let database: TestDatabase;
let storage: Storage;
let organizationId: string;

beforeEach(async () => {
  database = await createTestDatabase();
  storage = await openStorage({ databaseUrl: database.url, poolSize: 4 });
  await seedCatalogs(
    storage.db,
    ['http', 'aether365', 'errata'].map((slug) => aCatalog(slug)),
  );
  organizationId = (await ensureOrganization(storage.db, 'default', 'Default')).id;
});
afterEach(async () => {
  await storage?.close();
  await database?.drop();
});

function aCatalog(slug: string, meaning = 'what it means'): Catalog {
  return {
    slug,
    title: slug.toUpperCase(),
    version: 1,
    entries: [
      {
        code: 'SOME_CODE',
        aliases: [],
        statuses: ['403', '5XX'],
        section: 'Access',
        title: 'Some code',
        meaning,
        causes: ['a cause'],
        resolution: 'fix it',
        retry: { retryability: 'permanent' },
        category: 'authorization',
        severity: 'high',
        expectation: 'rare',
      },
    ],
  };
}

const aProject = (name = 'My API') => createProject(storage, { organizationId, name, actor }, NOW);
const audit = () =>
  database.query<{ action: string; actor: string; target: string; data: object }>(
    'SELECT action, actor, target, data FROM audit_log ORDER BY at, id',
  );

describe('ensureOrganization', () => {
  it('makes one, and finds it again, also when several processes ask at once', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => ensureOrganization(storage.db, 'acme', 'Acme')));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
    expect(ids[0]).toMatchObject({ slug: 'acme', name: 'Acme' });
  });
});

describe('createProject', () => {
  it('attaches the default catalogs that are there, in order, and the default rules', async () => {
    const project = await aProject('Café & Söhne API');
    expect(project).toMatchObject({ slug: 'cafe-sohne-api', name: 'Café & Söhne API', retentionDays: 30 });
    expect(project.createdAt.getTime()).toBe(NOW);
    const catalogs = await listProjectCatalogs(storage.db, project.id);
    expect(catalogs.map(({ slug, codesOnly, version }) => [slug, codesOnly, version])).toEqual([
      ['aether365', true, 1],
      ['errata', true, 1],
      ['http', false, 1],
    ]);
    const rules = await database.query('SELECT 1 FROM alert_rule WHERE project_id = $1 AND kind = $2', [
      project.id,
      'never',
    ]);
    expect(rules).toHaveLength(1);
    expect(await audit()).toEqual([
      { action: 'project.create', actor, target: String(project.id), data: { slug: project.slug } },
    ]);
  });

  it('refuses a slug that is taken, and leaves nothing behind', async () => {
    await aProject();
    await expect(aProject()).rejects.toThrow(SlugTakenError);
    const rows = await database.query('SELECT 1 FROM project');
    expect(rows).toHaveLength(1);
    expect(await audit()).toHaveLength(1);
  });

  it('is changed and found in its own organization only', async () => {
    const { id } = await aProject();
    const target = { organizationId, projectId: id, actor };
    const changed = await updateProject(storage.db, target, { name: 'Renamed', retentionDays: 90 }, NOW);
    expect(changed).toMatchObject({ name: 'Renamed', retentionDays: 90, slug: 'my-api' });
    expect((await audit()).find((row) => row.action === 'project.update')).toMatchObject({
      target: String(id),
      data: { name: 'Renamed', retentionDays: 90 },
    });
    const other = await ensureOrganization(storage.db, 'other', 'Other');
    expect(await findProject(storage.db, other.id, id)).toBeUndefined();
    await expect(
      updateProject(storage.db, { ...target, organizationId: other.id }, { name: 'x' }, NOW),
    ).rejects.toThrow();
    expect(await findProject(storage.db, organizationId, id)).toMatchObject({ name: 'Renamed' });
  });
});

describe('ingest keys', () => {
  it('are found by their public text with the limits of the key and the project', async () => {
    const project = await aProject();
    const key = await createIngestKey(
      storage,
      { projectId: project.id, multiTenant: true, ratePerSecond: 5, burst: 7 },
      NOW,
    );
    expect(key.publicKey).toMatch(/^[0-9a-f]{32}$/);
    expect(await findIngestKey(storage.db, key.publicKey)).toEqual({
      projectId: project.id,
      keyId: key.id,
      organizationId,
      multiTenant: true,
      ratePerSecond: 5,
      burst: 7,
      retentionDays: 30,
      expiresAt: null,
      revokedAt: null,
    });
    for (const text of ['', 'x', key.publicKey.toUpperCase(), '0'.repeat(32)]) {
      expect(await findIngestKey(storage.db, text)).toBeUndefined();
    }
  });

  it('rotate: the new key is like the old one, which ends after the grace period', async () => {
    const { id: projectId } = await aProject();
    const target = { organizationId, projectId, actor };
    const old = await createIngestKey(storage, { projectId, label: 'web', multiTenant: true, burst: 9 }, NOW);
    const rotation = await rotateIngestKey(storage.db, target, old.id, 3_600, NOW);
    if (!rotation.done) throw new Error('not rotated');
    expect(rotation.created).toMatchObject({ label: 'web', multiTenant: true, burst: 9, expiresAt: null });
    expect(rotation.created.publicKey).not.toBe(old.publicKey);
    expect((await findIngestKey(storage.db, old.publicKey))!.expiresAt!.getTime()).toBe(NOW + HOUR);
    // Rotated again, a key keeps the earlier end; a grace of 0 ends it at once.
    await rotateIngestKey(storage.db, target, old.id, 7_200, NOW);
    expect((await findIngestKey(storage.db, old.publicKey))!.expiresAt!.getTime()).toBe(NOW + HOUR);
    await rotateIngestKey(storage.db, target, rotation.created.id, 0, NOW);
    expect((await findIngestKey(storage.db, rotation.created.publicKey))!.expiresAt!.getTime()).toBe(NOW);
    expect(await rotateIngestKey(storage.db, target, rotation.created.id, 0, NOW)).toEqual({
      done: false,
      ended: true,
    });
    const foreign = { ...target, projectId: projectId + 1 };
    expect(await rotateIngestKey(storage.db, foreign, old.id, 0, NOW)).toEqual({ done: false, ended: false });
    expect((await audit()).filter(({ action }) => action === 'ingest_key.rotate')).toHaveLength(3);
  });

  it('revoke once, for their own project only', async () => {
    const { id: projectId } = await aProject();
    const key = await createIngestKey(storage, { projectId }, NOW);
    const target = { organizationId, projectId, actor };
    expect(await revokeIngestKey(storage.db, { ...target, projectId: projectId + 1 }, key.id, NOW)).toBe(
      false,
    );
    expect((await findIngestKey(storage.db, key.publicKey))!.revokedAt).toBeNull();
    expect(await revokeIngestKey(storage.db, target, key.id, NOW)).toBe(true);
    expect(await revokeIngestKey(storage.db, target, key.id, NOW + SECOND)).toBe(true);
    expect((await listIngestKeys(storage.db, projectId)).map((row) => row.revokedAt?.getTime())).toEqual([
      NOW,
    ]);
    expect((await audit()).filter(({ action }) => action === 'ingest_key.revoke')).toHaveLength(1);
  });
});

describe('API tokens', () => {
  const input = () => ({ organizationId, name: 'ci', scopes: ['events:read'], actor });

  it('are stored as a hash only and found by their text', async () => {
    const { token, record } = await createApiToken(storage, { ...input(), tenant: 'acme' }, NOW);
    const [row] = await database.query<{ token_hash: Buffer; everything: string }>(
      'SELECT token_hash, api_token::text AS everything FROM api_token',
    );
    expect(row!.token_hash.equals(createHash('sha256').update(token).digest())).toBe(true);
    expect(row!.everything).not.toContain(token.slice(7, 37));
    expect(await findApiToken(storage.db, token)).toEqual({
      tokenId: record.id,
      organizationId,
      projectId: null,
      scopes: ['events:read'],
      tenant: 'acme',
      requestsPerMinute: 120,
      expiresAt: null,
      revokedAt: null,
    });
    expect(JSON.stringify(await listApiTokens(storage.db, organizationId))).not.toContain(token.slice(7, 37));
    expect(JSON.stringify(await audit())).not.toContain(token.slice(7, 37));
  });

  it('are not looked for at all where the checksum is wrong', async () => {
    const { token } = await createApiToken(storage, input(), NOW);
    const wrong = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
    const untouchable = { $queryRawUnsafe: () => Promise.reject(new Error('asked the database')) };
    expect(await findApiToken(untouchable as unknown as Storage['db'], wrong)).toBeUndefined();
    await expect(findApiToken(untouchable as unknown as Storage['db'], token)).rejects.toThrow(
      'asked the database',
    );
    expect(await findApiToken(storage.db, newTokenText())).toBeUndefined();
  });

  it('note that they were used, at most once a minute', async () => {
    const { token } = await createApiToken(storage, input(), NOW);
    const used = async () => (await listApiTokens(storage.db, organizationId))[0]!.lastUsedAt?.getTime();
    expect(await used()).toBeUndefined();
    await findApiToken(storage.db, token);
    const first = await used();
    expect(first).toBeGreaterThan(0);
    await findApiToken(storage.db, token);
    expect(await used()).toBe(first);
    await database.query(`UPDATE api_token SET last_used_at = last_used_at - interval '61 seconds'`);
    await findApiToken(storage.db, token);
    expect(await used()).toBeGreaterThanOrEqual(first!);
  });

  it('revoke in their own organization and project only', async () => {
    const { id: projectId } = await aProject();
    const { token, record } = await createApiToken(storage, { ...input(), projectId }, NOW);
    const other = await ensureOrganization(storage.db, 'other', 'Other');
    const target = { organizationId, tokenId: record.id, actor };
    expect(await revokeApiToken(storage.db, { ...target, organizationId: other.id }, NOW)).toBe(false);
    expect(await revokeApiToken(storage.db, { ...target, projectId: projectId + 1 }, NOW)).toBe(false);
    expect((await findApiToken(storage.db, token))!.revokedAt).toBeNull();
    expect(await revokeApiToken(storage.db, { ...target, projectId }, NOW)).toBe(true);
    expect((await findApiToken(storage.db, token))!.revokedAt!.getTime()).toBe(NOW);
    const revocations = (await audit()).filter((row) => row.action === 'api_token.revoke');
    expect(revocations).toEqual([{ action: 'api_token.revoke', target: record.id, actor, data: {} }]);
  });
});

describe('catalogs', () => {
  it('get a new version exactly when their content changes, and keep the old ones', async () => {
    expect(await seedCatalogs(storage.db, [aCatalog('http')])).toEqual([]);
    expect(await seedCatalogs(storage.db, [{ ...aCatalog('http'), version: 9 }])).toEqual([]);
    expect(await seedCatalogs(storage.db, [aCatalog('http', 'changed')])).toEqual(['http']);
    expect(await seedCatalogs(storage.db, [aCatalog('http')])).toEqual(['http']);
    const rows = await database.query<{
      version: number;
      meaning: string;
      document: Catalog;
      statuses: string[];
    }>(
      `SELECT v.version, e.meaning, e.statuses, v.document FROM catalog_version v JOIN catalog c ON c.id = v.catalog_id
       JOIN catalog_entry e ON e.catalog_id = v.catalog_id AND e.version = v.version
       WHERE c.slug = 'http' ORDER BY 1`,
    );
    expect(rows.map(({ version, meaning }) => [version, meaning])).toEqual([
      [1, 'what it means'],
      [2, 'changed'],
      [3, 'what it means'],
    ]);
    expect(rows[1]).toMatchObject({
      statuses: ['403', '5XX'],
      document: { ...aCatalog('http', 'changed'), version: 2 },
    });
  });

  it('are seeded once by processes that start together', async () => {
    const results = await Promise.all([1, 2, 3].map(() => seedCatalogs(storage.db, [aCatalog('fresh')])));
    expect(results.flat()).toEqual(['fresh']);
  });

  it('are loaded in order, newest or pinned, and the version text tells every change', async () => {
    const { id: projectId } = await aProject();
    const target = { organizationId, projectId, actor };
    const versions = [await projectCatalogsVersion(storage.db, projectId)];
    const note = async () => versions.push(await projectCatalogsVersion(storage.db, projectId));
    await seedCatalogs(storage.db, [aCatalog('http', 'changed')]);
    await note();
    const loaded = await loadProjectCatalogs(storage.db, projectId);
    expect(loaded.map(({ catalog, codesOnly }) => [catalog.slug, catalog.version, codesOnly])).toEqual([
      ['aether365', 1, true],
      ['errata', 1, true],
      ['http', 2, false],
    ]);
    expect(loaded[2]!.catalog).toEqual({ ...aCatalog('http', 'changed'), version: 2 });
    const pinned = { slug: 'http', codesOnly: false, pinnedVersion: 1 };
    await replaceProjectCatalogs(
      storage.db,
      target,
      [pinned, { slug: 'errata', codesOnly: false, pinnedVersion: null }],
      NOW,
    );
    await note();
    const replaced = await loadProjectCatalogs(storage.db, projectId);
    expect(replaced.map(({ catalog }) => [catalog.slug, catalog.version])).toEqual([
      ['http', 1],
      ['errata', 1],
    ]);
    await replaceProjectCatalogs(storage.db, target, [{ ...pinned, codesOnly: true }], NOW);
    await note();
    await replaceProjectCatalogs(storage.db, target, [], NOW);
    await note();
    expect(new Set(versions).size).toBe(5);
    expect(await projectCatalogsVersion(storage.db, projectId)).toBe(versions.at(-1));
  });

  it.each([
    [{ slug: 'nowhere', codesOnly: false, pinnedVersion: null }, 'slug'],
    [{ slug: 'http', codesOnly: false, pinnedVersion: 7 }, 'pinned_version'],
  ])('refuse %j and change nothing', async (attachment, field) => {
    const { id: projectId } = await aProject();
    const before = await projectCatalogsVersion(storage.db, projectId);
    const good = { slug: 'errata', codesOnly: false, pinnedVersion: null };
    const target = { organizationId, projectId, actor };
    await expect(replaceProjectCatalogs(storage.db, target, [good, attachment], NOW)).rejects.toMatchObject({
      name: 'UnknownCatalogError',
      index: 1,
      field,
    });
    expect(await projectCatalogsVersion(storage.db, projectId)).toBe(before);
  });
});
