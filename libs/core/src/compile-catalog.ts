import type { Catalog, CatalogEntry } from './catalog.js';

/** A catalog as one project uses it. */
export interface AttachedCatalog {
  catalog: Catalog;
  /** True where only its codes count: a bare status says nothing about this API then. */
  codesOnly: boolean;
}

/** An entry together with the catalog it comes from. */
export interface CatalogMatch {
  /** Slug of the catalog. */
  catalog: string;
  version: number;
  entry: CatalogEntry;
}

/** What a bare HTTP status leads to. */
export interface StatusMatch extends CatalogMatch {
  by: 'status' | 'status_class';
}

/** The attached catalogs of one project, ready for look-ups in constant time. */
export interface CompiledCatalogs {
  /** By exact code; several entries in order of attachment, then of the document. */
  codes: ReadonlyMap<string, readonly CatalogMatch[]>;
  /** By {@link codeKeys} of codes and aliases, in the same order. */
  aliases: ReadonlyMap<string, readonly CatalogMatch[]>;
  /** By HTTP status, 100 to 599: at most one entry each. */
  statuses: ReadonlyMap<number, StatusMatch>;
}

const STATUS_CODE = /^[1-5](?:\d\d|XX)$/;

/** Whether an entry documents an HTTP status or a class of them, rather than a code of the API. */
export function isStatusEntry(entry: CatalogEntry): boolean {
  return STATUS_CODE.test(entry.code);
}

/** `503` → `5XX`. */
export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}XX`;
}

/**
 * The spellings under which a code is looked up when its exact form is unknown: without case, with
 * all separators alike, and once more with camel case taken apart, so that `Tenant-Access-Denied` and
 * `tenantAccessDenied` both find `TENANT_ACCESS_DENIED`.
 * @returns one or two keys, none where the code has neither letters nor digits
 */
export function codeKeys(code: string): string[] {
  const flat = keyOf(code);
  if (flat === '') return [];
  const apart = keyOf(code.replace(/([a-z0-9])([A-Z])/g, '$1_$2'));
  return apart === flat ? [flat] : [flat, apart];
}

function keyOf(code: string): string {
  return code
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '');
}

/**
 * Builds the look-up maps of a project's catalogs.
 * @param catalogs in order of attachment, which is the order of precedence; general documentation
 *   such as the HTTP statuses comes last
 */
export function compileCatalogs(catalogs: readonly AttachedCatalog[]): CompiledCatalogs {
  const codes = new Map<string, CatalogMatch[]>();
  const aliases = new Map<string, CatalogMatch[]>();
  for (const { catalog, codesOnly } of catalogs) {
    for (const entry of catalog.entries) {
      if (codesOnly && isStatusEntry(entry)) continue;
      const match = { catalog: catalog.slug, version: catalog.version, entry };
      add(codes, entry.code, match);
      const keys = new Set([entry.code, ...entry.aliases].flatMap(codeKeys));
      for (const key of keys) add(aliases, key, match);
    }
  }
  return { codes, aliases, statuses: compileStatuses(catalogs) };
}

/**
 * Resolves every status once. The order of attachment weighs more than exactness: the `5XX` of the
 * watched API's own documentation tells more about its 502 than the general meaning of 502 does.
 */
function compileStatuses(catalogs: readonly AttachedCatalog[]): Map<number, StatusMatch> {
  const tables = catalogs
    .filter(({ codesOnly }) => !codesOnly)
    .map(({ catalog }) => ({ catalog, byStatus: entriesByStatus(catalog) }));
  const statuses = new Map<number, StatusMatch>();
  for (let status = 100; status <= 599; status += 1) {
    for (const { catalog, byStatus } of tables) {
      const exact = soleEntry(byStatus.get(String(status)));
      const entry = exact ?? soleEntry(byStatus.get(statusClass(status)));
      if (entry === undefined) continue;
      const by = exact === undefined ? 'status_class' : 'status';
      statuses.set(status, { catalog: catalog.slug, version: catalog.version, entry, by });
      break;
    }
  }
  return statuses;
}

function entriesByStatus(catalog: Catalog): Map<string, CatalogEntry[]> {
  const byStatus = new Map<string, CatalogEntry[]>();
  for (const entry of catalog.entries) {
    for (const status of documentedStatuses(entry)) add(byStatus, status, entry);
  }
  return byStatus;
}

/** The statuses of an entry; a status entry that lists none documents its own code. */
export function documentedStatuses(entry: CatalogEntry): readonly string[] {
  return entry.statuses.length === 0 && isStatusEntry(entry) ? [entry.code] : entry.statuses;
}

/**
 * The entry that a bare status proves: the one that documents the status itself, else the only code
 * that uses it. Where several codes share a status, guessing one would count events under a code that
 * nobody reported; and a code that must never occur needs more proof than a status.
 */
function soleEntry(entries: readonly CatalogEntry[] = []): CatalogEntry | undefined {
  const documented = entries.find(isStatusEntry);
  if (documented !== undefined) return documented;
  const first = entries[0];
  const sole = first !== undefined && entries.every((entry) => entry.code === first.code);
  return sole && entries.every((entry) => entry.expectation !== 'never') ? first : undefined;
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
