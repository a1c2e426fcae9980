import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { classify, compileCatalogs, readResponse, retryabilityOfStatus } from '@errata/core';
import type { Catalog, CatalogEntry, Classification, ErrorEvent, RetryRule } from '@errata/core';
import { parseCatalog } from './catalog-loader.js';

const root = path.resolve(__dirname, '../../..');
const load = (slug: string) =>
  parseCatalog(readFileSync(path.join(root, 'catalogs', `${slug}.yaml`), 'utf8'));
const http = load('http');

/** As a project has it: its own catalog first, the HTTP statuses as the last resort. */
function classified(catalog: Catalog, response: ErrorEvent['response'], code?: string): Classification {
  const error = code === undefined ? {} : { error: { code } };
  const event: ErrorEvent = { eventId: '0', occurredAt: 0, ...error, response };
  const compiled = compileCatalogs([catalog, http].map((each) => ({ catalog: each, codesOnly: false })));
  return classify(event, compiled, readResponse(event));
}

function entryOf(catalog: Catalog, code: string, section?: string): CatalogEntry {
  const found = catalog.entries.find(
    (entry) => entry.code === code && (section === undefined || entry.section === section),
  );
  if (found === undefined) throw new Error(`${catalog.slug} has no ${code} ${section ?? ''}`);
  return found;
}

const permanent: RetryRule = { retryability: 'permanent' };
const backoff: RetryRule = { retryability: 'retryable', strategy: 'backoff' };
const retryAfter: RetryRule = { retryability: 'retryable', strategy: 'retry_after' };
const once = (condition: string): RetryRule => ({
  retryability: 'conditional',
  strategy: 'wait_for',
  condition,
});

describe('aether365', () => {
  const catalog = load('aether365');
  const rows: [code: string, status: number, section: string, rule: RetryRule][] = [
    ['AUTH_MISSING_TOKEN', 401, 'Authentication', permanent],
    ['AUTH_INVALID_TOKEN', 401, 'Authentication', permanent],
    ['AUTH_EXPIRED_TOKEN', 401, 'Authentication', once('the token is refreshed')],
    ['AUTH_INSUFFICIENT_SCOPE', 403, 'Authentication', permanent],
    ['TENANT_ACCESS_DENIED', 403, 'Authorisation', permanent],
    ['AUTH_INSUFFICIENT_SCOPE', 403, 'Authorisation', permanent],
    ['TENANT_NOT_FOUND', 404, 'Tenant', once('a tenant account is created')],
    ['TENANT_NOT_CONNECTED', 400, 'Tenant', once('an administrator consents')],
    ['SCAN_NOT_FOUND', 404, 'Scans', permanent],
    ['SCAN_ALREADY_RUNNING', 409, 'Scans', once('the running scan ends')],
    [
      'SCAN_PLAN_LIMIT_REACHED',
      429,
      'Scans',
      once('the next billing period begins or support raises the quota'),
    ],
    ['SERVICE_UNAVAILABLE', 503, 'Scans', once('maintenance ends')],
    ['CONNECTION_NOT_FOUND', 404, 'Connections', permanent],
    ['CANNOT_REMOVE_LAST_CONNECTION', 409, 'Connections', once('another connection is added')],
    ['MEMBER_LIMIT_REACHED', 429, 'Team Members', once('support raises the member limit')],
    ['MEMBER_ALREADY_EXISTS', 409, 'Team Members', permanent],
    [
      'SCAN_PLAN_LIMIT_REACHED',
      429,
      'Scheduled Scans',
      once('an existing schedule is deleted or support raises the limit'),
    ],
    ['VALIDATION_ERROR', 400, 'Validation', permanent],
    ['INTERNAL_ERROR', 500, 'Server Errors', backoff],
    ['RATE_LIMIT_EXCEEDED', 429, 'Rate Limits', retryAfter],
  ];

  it.each(rows)('%s %d of %s is classified with its rule', (code, status, section, rule) => {
    const body = { success: false, error: { code, message: 'm', details: {} } };
    const found = classified(catalog, { status, body });
    expect(found).toMatchObject({ code, status, entryCode: code, catalog: 'aether365', matchedBy: 'code' });
    expect(found.mismatches).toEqual([]);
    const places = [
      { catalog: 'aether365', entryCode: code, section: found.section },
      ...(found.alternatives ?? []),
    ];
    expect(places).toContainEqual({ catalog: 'aether365', entryCode: code, section });
    expect(found.retryability).toBe(rule.retryability);
    expect(entryOf(catalog, code, section)).toMatchObject({ retry: rule, statuses: [String(status)] });
  });

  it('documents these places and no others', () => {
    expect(catalog.entries.map(({ code, section }) => [code, section])).toEqual(
      rows.map(([code, , section]) => [code, section]),
    );
    expect(new Set(rows.map(([code]) => code)).size).toBe(18);
  });

  it('expects TENANT_ACCESS_DENIED never', () => {
    const body = { success: false, error: { code: 'TENANT_ACCESS_DENIED', message: 'm' } };
    expect(classified(catalog, { status: 403, body })).toMatchObject({
      expectation: 'never',
      severity: 'critical',
    });
    expect(classified(catalog, { status: 403 })).toMatchObject({ entryCode: '403', expectation: 'normal' });
  });

  it('tells its quotas from its rate limit', () => {
    const quotas = catalog.entries.filter((entry) => entry.category === 'quota').map((entry) => entry.code);
    expect(quotas).toEqual(['SCAN_PLAN_LIMIT_REACHED', 'MEMBER_LIMIT_REACHED', 'SCAN_PLAN_LIMIT_REACHED']);
    expect(entryOf(catalog, 'RATE_LIMIT_EXCEEDED').category).toBe('rate_limit');
  });
});

describe('developer-documentation', () => {
  const catalog = load('developer-documentation');
  const rows: [code: string, status: number, causes: number, rule: RetryRule][] = [
    ['AUTH-401', 401, 4, once('valid credentials or a live session are supplied')],
    ['AUTH-403', 403, 3, once('the role or permission is granted')],
    ['NOTFOUND-404', 404, 3, permanent],
    ['SERVER-500', 500, 4, backoff],
    ['BADREQUEST-400', 400, 4, permanent],
    ['CONFLICT-409', 409, 2, once('the request is rebuilt on the current version of the resource')],
    ['TOOLIMITED-429', 429, 2, retryAfter],
  ];

  it.each(rows)('%s is classified by code and by status %d', (code, status, causes, rule) => {
    const expected = { code, entryCode: code, catalog: catalog.slug, retryability: rule.retryability };
    expect(classified(catalog, { status }, code)).toMatchObject({
      ...expected,
      matchedBy: 'code',
      mismatches: [],
    });
    expect(classified(catalog, { status })).toMatchObject({ ...expected, matchedBy: 'status' });
    expect(classified(catalog, { status }, code.toLowerCase())).toMatchObject({
      entryCode: code,
      matchedBy: 'alias',
    });
    const entry = entryOf(catalog, code);
    expect(entry.retry).toEqual(rule);
    expect(entry.causes).toHaveLength(causes);
    expect(entry.resolution).not.toBe('');
  });

  it('documents these codes and no others', () => {
    expect(catalog.entries.map((entry) => entry.code)).toEqual(rows.map(([code]) => code));
  });
});

describe('aurora', () => {
  const catalog = load('aurora');
  const rows: [code: string, seen: number[], rule: RetryRule][] = [
    ['400', [400], permanent],
    ['401', [401], permanent],
    ['403', [403], permanent],
    ['404', [404], permanent],
    ['405', [405], permanent],
    ['409', [409], { ...backoff, condition: 'the operation in progress ends' }],
    ['422', [422], permanent],
    ['429', [429], backoff],
    ['5XX', [500, 502, 503, 504, 520], backoff],
  ];

  it.each(rows)('%s is classified from the statuses %j', (code, seen, rule) => {
    for (const status of seen) {
      const body = '{"errors":[{"message":"some error occurred"},{"message":"another"}]}';
      expect(classified(catalog, { status, body })).toMatchObject({
        code,
        status,
        entryCode: code,
        catalog: 'aurora',
        retryability: rule.retryability,
        matchedBy: code === '5XX' ? 'status_class' : 'status',
        mismatches: [],
      });
    }
    expect(entryOf(catalog, code).retry).toEqual(rule);
  });

  it('documents these statuses and no others', () => {
    expect(catalog.entries.map((entry) => entry.code)).toEqual(rows.map(([code]) => code));
  });

  it('leaves a status that it does not document to HTTP', () => {
    expect(classified(catalog, { status: 413 })).toMatchObject({ catalog: 'http', entryCode: '413' });
  });
});

describe('aether', () => {
  const catalog = load('aether');
  const tries = { maxAttempts: 5 };
  const statuses: [code: string, rule: RetryRule][] = [
    ['400', permanent],
    ['401', permanent],
    ['402', permanent],
    ['403', permanent],
    ['404', permanent],
    ['409', permanent],
    ['422', permanent],
    ['429', { ...retryAfter, ...tries }],
    ['500', { ...backoff, ...tries }],
    ['503', { ...backoff, ...tries }],
  ];
  const codes: [code: string, status: number, rule: RetryRule][] = [
    ['document_not_found', 404, permanent],
    ['partition_required', 400, permanent],
  ];

  it.each(statuses)('%s without a code is classified with its rule', (code, rule) => {
    const body = { error: 'm', code: null, request_id: null };
    expect(classified(catalog, { status: Number(code), body })).toMatchObject({
      code,
      entryCode: code,
      catalog: 'aether',
      matchedBy: 'status',
      retryability: rule.retryability,
      mismatches: [],
    });
    expect(entryOf(catalog, code).retry).toEqual(rule);
  });

  it.each(codes)('%s %d is classified with its rule', (code, status, rule) => {
    const body = { error: 'm', code, request_id: 'req_1' };
    expect(classified(catalog, { status, body })).toMatchObject({
      code,
      entryCode: code,
      catalog: 'aether',
      matchedBy: 'code',
      retryability: rule.retryability,
      mismatches: [],
    });
    expect(entryOf(catalog, code).retry).toEqual(rule);
  });

  it.each(['PartitionRequiredError', 'ErrPartitionRequired', 'PartitionRequiredException'])(
    'knows the typed error %s',
    (name) => {
      expect(classified(catalog, { status: 400 }, name)).toMatchObject({
        entryCode: 'partition_required',
        matchedBy: 'alias',
      });
    },
  );

  it('documents these places and no others', () => {
    const places = [...statuses.map(([code]) => code), ...codes.map(([code]) => code)];
    expect(catalog.entries.map((entry) => entry.code)).toEqual(places);
  });
});

describe('http', () => {
  const registered = [
    ...range(400, 417),
    ...range(421, 426),
    ...[428, 429, 431, 451],
    ...range(500, 508),
    ...[510, 511],
  ];

  it('documents the registered errors, then both classes', () => {
    expect(http.entries.map((entry) => entry.code)).toEqual([...registered.map(String), '4XX', '5XX']);
  });

  it.each(registered)('%d promises no less than the fallback without catalogs', (status) => {
    const fallback = retryabilityOfStatus(status);
    const { retry } = entryOf(http, String(status));
    expect([retry.retryability, 'unknown']).toContain(fallback);
  });

  it.each([
    [408, 'retryable'],
    [425, 'retryable'],
    [429, 'retryable'],
    [500, 'retryable'],
    [502, 'retryable'],
    [503, 'retryable'],
    [504, 'retryable'],
    [401, 'conditional'],
    [402, 'conditional'],
    [407, 'conditional'],
    [409, 'conditional'],
    [423, 'conditional'],
    [404, 'permanent'],
    [418, 'permanent'],
    [501, 'permanent'],
    [599, 'unknown'],
  ])('%d is %s', (status, retryability) => {
    expect(classified(http, { status }).retryability).toBe(retryability);
  });
});

describe('errata', () => {
  const errata = load('errata');

  it('names its codes in the form that it asks of others', () => {
    for (const { code } of errata.entries) expect(code).toMatch(/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/);
    expect(new Set(errata.entries.map((entry) => entry.code)).size).toBe(errata.entries.length);
  });

  it('gives every code a status, causes, a fix and a section', () => {
    for (const entry of errata.entries) {
      expect(entry.statuses[0]).toMatch(/^[45]\d\d$/);
      expect([entry.causes.length > 0, entry.resolution !== '', entry.section !== '']).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  it('tells a quota from a rate limit', () => {
    expect(entryOf(errata, 'RATE_LIMITED')).toMatchObject({ statuses: ['429'], retry: retryAfter });
    expect(entryOf(errata, 'QUOTA_EXCEEDED')).toMatchObject({
      statuses: ['402'],
      retry: { retryability: 'conditional' },
    });
  });

  it('is recognised in its own problem documents', () => {
    const body = { type: 'about:blank', title: 'T', status: 503, detail: 'd', code: 'QUEUE_UNAVAILABLE' };
    expect(classified(errata, { status: 503, body })).toMatchObject({
      catalog: 'errata',
      retryability: 'retryable',
    });
  });
});

describe('all catalogs', () => {
  const files = readdirSync(path.join(root, 'catalogs'));
  const slugs = files.map((file) => path.basename(file, '.yaml'));

  it.each(slugs)('%s bears the name of its file', (slug) => {
    expect(load(slug).slug).toBe(slug);
  });

  it.each(slugs)('%s leads each of its codes to itself at each documented status', (slug) => {
    const catalog = load(slug);
    for (const entry of catalog.entries) {
      for (const status of entry.statuses.map((each) => Number(each.replace('XX', '00')))) {
        const found = classified(catalog, { status }, entry.code);
        expect([found.catalog, found.entryCode, found.mismatches]).toEqual([slug, entry.code, []]);
      }
    }
  });
});

describe('docs/errors.md', () => {
  const tool = path.join(root, 'tools/gen-errors-doc.mjs');
  const run = promisify(execFile);

  it('is up to date', async () => {
    await expect(run(process.execPath, [tool, '--check'])).resolves.toMatchObject({ stderr: '' });
  });

  it('is found stale when it differs, and mended by the generator', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'errors-doc-'));
    try {
      const out = path.join(dir, 'errors.md');
      await writeFile(out, 'old');
      await expect(run(process.execPath, [tool, '--check', '--out', out])).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('node tools/gen-errors-doc.mjs') as string,
      });
      expect(await readFile(out, 'utf8')).toBe('old');
      await run(process.execPath, [tool, '--out', out]);
      expect(await readFile(out, 'utf8')).toBe(await readFile(path.join(root, 'docs/errors.md'), 'utf8'));
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
