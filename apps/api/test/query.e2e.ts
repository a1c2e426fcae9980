import { API_ROUTES, OUTPUTS } from '@errata/contracts';
import type { ApiRoute, Problem } from '@errata/contracts';
import { compileCatalogs, digestBatch } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import {
  commitDigest,
  createApiToken,
  createProject,
  ensureOrganization,
  loadProjectCatalogs,
  openStorage,
} from '@errata/storage';
import type { Storage } from '@errata/storage';
import { anEvent, createTestDatabase, createTestProject, startProcess } from '@errata/testing';
import type { TestDatabase, TestProcess, TestProject } from '@errata/testing';

/** The query and admin API over HTTP, as a client meets it. */

const EVENTS = 40;

let database: TestDatabase;
let storage: Storage;
let project: TestProject;
let foreignProjectId: number;
let api: TestProcess;
let tenantToken: string;
const eventIds: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  project = await createTestProject(database.url);
  storage = await openStorage({ databaseUrl: database.url, poolSize: 2 });
  const now = Date.now();
  const other = await ensureOrganization(storage.db, 'other', 'Other');
  foreignProjectId = (await createProject(storage, { organizationId: other.id, name: 'Foreign' }, now)).id;
  const bound = {
    organizationId: project.organizationId,
    name: 'acme',
    scopes: ['events:read'],
    tenant: 'acme',
  };
  tenantToken = (await createApiToken(storage, bound, now)).token;
  await seed(now);
  api = await startProcess('api', { DATABASE_URL: database.url });
});
afterAll(async () => {
  await api?.stop();
  await storage?.close();
  await database?.drop();
});

// Every fourth event belongs to another tenant; every tenth has a code that nobody documents.
async function seed(now: number): Promise<void> {
  const events = Array.from({ length: EVENTS }, (_, i) =>
    anEvent({
      occurredAt: now - i * 60_000 - 1_000,
      tenant: i % 4 === 0 ? 'umbrella' : 'acme',
      error: { code: i % 10 === 0 ? 'MADE_UP_CODE' : 'TENANT_ACCESS_DENIED', message: 'no' },
    }),
  );
  eventIds.push(...events.map((event) => event.eventId));
  const catalogs = compileCatalogs(await loadProjectCatalogs(storage.db, project.projectId));
  const { rows } = digestBatch(project.projectId, events, catalogs);
  const plan = { projectId: project.projectId, batchId: uuidV7(now), createdAt: now, receivedAt: now };
  await commitDigest(storage, { ...plan, rows, rejected: [], deadLetters: [] });
}

interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  token = project.apiToken,
): Promise<Answer<T>> {
  const response = await fetch(`${api.address}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = (response.headers.get('content-type') ?? '').includes('json');
  return { status: response.status, body: (json ? JSON.parse(text) : text) as T, headers: response.headers };
}

const get = <T>(path: string, token?: string) =>
  call<T>('GET', `/api/v1/projects/${project.projectId}/${path}`, undefined, token);

describe('query API', () => {
  it.each([
    ['summary', 'Summary'],
    ['series?group_by=code', 'Series'],
    ['top?by=tenant', 'Top'],
    ['events', 'Events'],
    ['codes', 'Codes'],
    ['codes/TENANT_ACCESS_DENIED', 'CodeDetail'],
    ['tenants', 'Tenants'],
    ['outcomes', 'Outcomes'],
  ] as const)('answers %s as its schema says', async (path, schema) => {
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect(OUTPUTS[schema].strict().safeParse(body).error?.issues).toBeUndefined();
  });

  it('counts the same in every view', async () => {
    const { body: summary } = await get<{ total: number; outcomes: { accepted: number } }>('summary');
    const { body: series } = await get<{ series: Array<{ total: number }> }>(
      'series?interval=1h&group_by=tenant',
    );
    const { body: top } = await get<{ total: number; data: Array<{ value: string; count: number }> }>(
      'top?by=code',
    );
    expect([summary.total, summary.outcomes.accepted, top.total]).toEqual([EVENTS, EVENTS, EVENTS]);
    expect(series.series.map((line) => line.total)).toEqual([30, 10]);
    expect(top.data.map(({ value, count }) => [value, count])).toEqual([
      ['TENANT_ACCESS_DENIED', 36],
      ['MADE_UP_CODE', 4],
    ]);
  });

  it('pages through the events, and refuses the cursor for anything else', async () => {
    interface Page {
      data: Array<{ id: string }>;
      next_cursor: string | null;
    }
    const seen: string[] = [];
    let path: string | undefined = 'events?limit=7';
    while (path !== undefined) {
      const { body }: Answer<Page> = await get<Page>(path);
      seen.push(...body.data.map((event) => event.id));
      path = body.next_cursor === null ? undefined : `events?limit=7&cursor=${body.next_cursor}`;
    }
    expect(seen).toEqual(eventIds);
    const { body: first } = await get<Page>('events?limit=1');
    for (const misuse of [
      `events?tenant=acme&cursor=${first.next_cursor}`,
      `events?from=-7d&cursor=${first.next_cursor}`,
      `codes?cursor=${first.next_cursor}`,
      'events?cursor=garbage',
    ]) {
      const { status, body } = await get<Problem>(misuse);
      expect([misuse, status, body.code]).toEqual([misuse, 400, 'INVALID_CURSOR']);
    }
  });

  it('finds one event, with or without dashes, with its documented meaning and fix', async () => {
    for (const id of [eventIds[1]!, eventIds[1]!.replaceAll('-', '').toUpperCase()]) {
      const { status, body } = await get<Record<string, unknown>>(`events/${id}`);
      expect(status).toBe(200);
      expect(OUTPUTS.EventDetail.strict().safeParse(body).error?.issues).toBeUndefined();
      expect(body).toMatchObject({
        id: eventIds[1],
        matched_by: 'code',
        documented: { code: 'TENANT_ACCESS_DENIED' },
      });
    }
    const { body } = await get<{ documented: unknown }>(`events/${eventIds[0]}`);
    expect(body).toMatchObject({ code: 'MADE_UP_CODE' });
  });

  it('shows a token of one tenant nothing else', async () => {
    const { body: summary } = await get<{ total: number; outcomes: unknown }>('summary', tenantToken);
    expect(summary).toMatchObject({ total: 30, outcomes: null, distinct_tenants: 1 });
    const { body: other } = await get<{ total: number }>('summary?tenant=umbrella', tenantToken);
    expect(other.total).toBe(0);
    const { body: tenants } = await get<{ data: Array<{ tenant: string }> }>('tenants', tenantToken);
    expect(tenants.data.map(({ tenant }) => tenant)).toEqual(['acme']);
    const { body: events } = await get<{ data: Array<{ tenant: string }> }>('events?limit=1000', tenantToken);
    expect(events.data.every(({ tenant }) => tenant === 'acme')).toBe(true);
    const { body: code } = await get<object>('codes/TENANT_ACCESS_DENIED', tenantToken);
    expect(JSON.stringify(code)).not.toContain('umbrella');
    expect(await get(`events/${eventIds[4]}`, tenantToken)).toMatchObject({ status: 404 });
    expect(await get(`events/${eventIds[1]}`, tenantToken)).toMatchObject({ status: 200 });
    expect(await get('outcomes', tenantToken)).toMatchObject({
      status: 403,
      body: { code: 'SCOPE_REQUIRED' },
    });
  });

  it.each([
    ['summary?tenat=acme', 400, 'UNKNOWN_FILTER', 'tenat'],
    ['summary?retryability=often', 400, 'INVALID_PARAMETER', 'retryability'],
    ['summary?from=now&to=-1h', 400, 'INVALID_RANGE', 'from'],
    ['summary?from=soon', 400, 'INVALID_PARAMETER', 'from'],
    ['series?interval=1m&from=-30d', 400, 'INVALID_PARAMETER', 'interval'],
    ['top', 400, 'INVALID_PARAMETER', 'by'],
    ['events?limit=1001', 400, 'INVALID_PARAMETER', 'limit'],
    ['events/not-an-id', 404, 'EVENT_NOT_FOUND', undefined],
    ['events/00000000-0000-4000-8000-000000000000', 404, 'EVENT_NOT_FOUND', undefined],
    ['codes/NOBODY_KNOWS_IT', 404, 'CODE_NOT_FOUND', undefined],
    ['codes/%00', 404, 'CODE_NOT_FOUND', undefined],
  ])('answers %s with %d %s', async (path, status, code, field) => {
    const answer = await get<Problem>(path);
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.errors?.[0]?.field).toBe(field);
  });

  it('hides projects of another organization', async () => {
    for (const id of [foreignProjectId, 999_999, 'x']) {
      const answer = await call('GET', `/api/v1/projects/${id}/summary`);
      expect(answer).toMatchObject({ status: 404, body: { code: 'PROJECT_NOT_FOUND' } });
    }
  });
});

describe('admin API', () => {
  const base = () => `/api/v1/projects/${project.projectId}`;

  it('makes, changes and lists projects', async () => {
    const made = await call<{ id: number }>('POST', '/api/v1/projects', {
      name: 'Second API',
      retention_days: 7,
    });
    expect(made).toMatchObject({ status: 201, body: { slug: 'second-api', retention_days: 7 } });
    const again = await call('POST', '/api/v1/projects', { name: 'Second API' });
    expect(again).toMatchObject({ status: 409, body: { code: 'CONFLICT', errors: [{ field: 'slug' }] } });
    const changed = await call('PATCH', `/api/v1/projects/${made.body.id}`, { name: 'Renamed' });
    expect(changed).toMatchObject({ status: 200, body: { name: 'Renamed', retention_days: 7 } });
    const { body } = await call<{ data: Array<{ id: number }> }>('GET', '/api/v1/projects');
    expect(body.data.map(({ id }) => id)).toEqual([project.projectId, made.body.id]);
    expect(await call('PATCH', base(), { nmae: 'x' })).toMatchObject({
      status: 400,
      body: { code: 'UNKNOWN_FIELD' },
    });
    expect(await call('PATCH', base(), { retention_days: 0 })).toMatchObject({
      body: { code: 'INVALID_FIELD' },
    });
  });

  it('makes, rotates and revokes ingest keys', async () => {
    interface Key {
      id: string;
      public_key: string;
      dsn: string;
      expires_at: string | null;
    }
    const made = await call<Key>('POST', `${base()}/keys`, { label: 'web', multi_tenant: true });
    const { public_key: publicKey } = made.body;
    expect(made.status).toBe(201);
    expect(made.body.dsn).toBe(`${api.address.replace('//', `//${publicKey}@`)}/${project.projectId}`);
    const rotated = await call<{ key: Key; replaced: Key }>(
      'POST',
      `${base()}/keys/${made.body.id}/rotate`,
      {},
    );
    expect(rotated).toMatchObject({
      status: 201,
      body: { key: { label: 'web', multi_tenant: true }, replaced: { id: made.body.id } },
    });
    expect(Date.parse(rotated.body.replaced.expires_at!)).toBeGreaterThan(Date.now() + 86_000_000);
    const { id } = rotated.body.key;
    expect((await call('DELETE', `${base()}/keys/${id}`)).status).toBe(204);
    expect(await call('POST', `${base()}/keys/${id}/rotate`)).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT' },
    });
    const foreign = await call('DELETE', `${base()}/keys/00000000-0000-4000-8000-000000000000`);
    expect(foreign).toMatchObject({ status: 404, body: { code: 'KEY_NOT_FOUND' } });
  });

  it('replaces the catalogs of a project', async () => {
    const { body: before } = await call<{ catalogs: Array<{ slug: string }> }>('GET', `${base()}/catalogs`);
    expect(before.catalogs.map(({ slug }) => slug)).toEqual([
      'aether365',
      'developer-documentation',
      'aether',
      'errata',
      'http',
    ]);
    const bad = await call('PUT', `${base()}/catalogs`, {
      catalogs: [{ slug: 'http' }, { slug: 'nowhere' }],
    });
    expect(bad).toMatchObject({
      status: 404,
      body: { code: 'CATALOG_NOT_FOUND', errors: [{ field: 'catalogs[1].slug' }] },
    });
    const twice = await call('PUT', `${base()}/catalogs`, { catalogs: [{ slug: 'http' }, { slug: 'http' }] });
    expect(twice).toMatchObject({
      status: 400,
      body: { code: 'INVALID_FIELD', errors: [{ field: 'catalogs[1].slug' }] },
    });
    const put = await call('PUT', `${base()}/catalogs`, {
      catalogs: [{ slug: 'aurora', pinned_version: 1 }, { slug: 'http' }],
    });
    expect(put).toMatchObject({
      status: 200,
      body: {
        catalogs: [
          { slug: 'aurora', version: 1, pinned_version: 1 },
          { slug: 'http', pinned_version: null },
        ],
      },
    });
    await call('PUT', `${base()}/catalogs`, { catalogs: before.catalogs.map(({ slug }) => ({ slug })) });
  });

  it('makes tokens that work, within what the caller may do, until they are revoked', async () => {
    const made = await call<{ id: string; token: string }>('POST', '/api/v1/tokens', {
      name: 'reader',
      scopes: ['events:read', 'project:write'],
      project_id: project.projectId,
    });
    expect(made.status).toBe(201);
    const { id, token } = made.body;
    expect((await get('summary', token)).status).toBe(200);
    expect(await call('GET', '/api/v1/projects', undefined, token)).toMatchObject({
      body: { code: 'SCOPE_REQUIRED' },
    });
    expect(await call('POST', '/api/v1/projects', { name: 'x' }, token)).toMatchObject({
      body: { code: 'SCOPE_REQUIRED' },
    });
    const more = { name: 'x', scopes: ['alerts:read'] };
    expect(await call('POST', '/api/v1/tokens', more, token)).toMatchObject({
      status: 403,
      body: { code: 'SCOPE_REQUIRED' },
    });
    const foreign = { name: 'x', scopes: ['events:read'], project_id: foreignProjectId };
    expect(await call('POST', '/api/v1/tokens', foreign)).toMatchObject({
      status: 404,
      body: { code: 'PROJECT_NOT_FOUND' },
    });
    const listed = await call<object>('GET', '/api/v1/tokens');
    expect(JSON.stringify(listed.body)).toContain(id);
    expect(JSON.stringify(listed.body)).not.toContain(token);
    expect((await call('DELETE', `/api/v1/tokens/${id}`)).status).toBe(204);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await get('summary', token)).toMatchObject({ status: 401, body: { code: 'TOKEN_REVOKED' } });
    expect(await call('DELETE', '/api/v1/tokens/none')).toMatchObject({
      status: 404,
      body: { code: 'KEY_NOT_FOUND' },
    });
  });
});

describe('documentation', () => {
  it('serves the document, the page and its files without inline scripts', async () => {
    const { body } = await call<{ openapi: string; servers: Array<{ url: string }> }>('GET', '/openapi.json');
    expect(body).toMatchObject({ openapi: '3.1.0', servers: [{ url: api.address }] });
    const page = await call<string>('GET', '/docs');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const files = [...page.body.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const file of files) expect([file, (await call('GET', `/${file}`)).status]).toEqual([file, 200]);
    expect((await call<string>('GET', '/docs/errors')).body).toContain('<section id="INVALID_CURSOR">');
    expect(await call('GET', '/docs/package.json')).toMatchObject({
      status: 404,
      body: { code: 'ROUTE_NOT_FOUND' },
    });
    expect((await call('GET', '/docs/..%2fpackage.json')).status).toBe(404);
  });

  it('documents only routes that exist, each behind its scope', async () => {
    for (const route of API_ROUTES) {
      const { status, body } = await call<Problem>(
        route.method.toUpperCase(),
        pathOf(route),
        undefined,
        'no-such-token',
      );
      const expected = { public: [200, 503], ingest: [401] }[route.policy as string] ?? [401];
      expect([route.id, expected.includes(status), body.code]).toEqual([
        route.id,
        true,
        route.policy === 'public' ? undefined : expect.stringMatching(/^(TOKEN|KEY)_INVALID$/),
      ]);
    }
  });
});

const pathOf = (route: ApiRoute) =>
  route.path
    .replace('{projectId}', String(project.projectId))
    .replace(/\{\w+\}/g, '00000000-0000-4000-8000-000000000000');
