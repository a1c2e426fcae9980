import type {
  CodeAnswer,
  CodesAnswer,
  DocumentedEntry,
  EventAnswer,
  EventItem,
  TenantsAnswer,
  TopAnswer,
} from '@errata/contracts';
import { toRfc3339 } from '@errata/core';
import type { CatalogEntry, CatalogMatch } from '@errata/core';
import type {
  Counted,
  EventDetail,
  EventRow,
  SeenClass,
  SeenCode,
  SeenTenant,
  Series,
  TimeWindow,
  TopItem,
} from '@errata/storage';

/** Read models as the API words them: the edge where camel case and milliseconds end. */

export const timeOrNull = (at: number | null | undefined) =>
  at === null || at === undefined ? null : toRfc3339(at);

export const presentWindow = ({ from, to }: TimeWindow) => ({ from: toRfc3339(from), to: toRfc3339(to) });

const shareOf = (count: number, total: number) => (total === 0 ? 0 : count / total);

export const presentCounted = (items: readonly Counted[], total: number) =>
  items.map(({ value, count }) => ({ value, count, share: shareOf(count, total) }));

export const presentTop = (items: readonly TopItem[], total: number): TopAnswer['data'] =>
  items.map(({ value, count, previous, lastAt }) => ({
    value,
    count,
    share: shareOf(count, total),
    previous_count: previous,
    last_seen: toRfc3339(lastAt),
  }));

export const presentSeries = ({ window, buckets, lines }: Series) => ({
  ...presentWindow(window),
  buckets: buckets.map(toRfc3339),
  series: lines,
});

const presentClass = (seen: SeenClass) => ({
  retryability: seen.retryability,
  category: seen.category,
  severity: seen.severity,
  matched_by: seen.matchedBy,
  catalog: seen.catalog,
  catalog_version: seen.catalogVersion,
  entry_code: seen.entryCode,
  section: seen.section,
});

export function presentEvent(event: EventRow): EventItem {
  const { code, tenant, environment, service, release, route, method, status, attempt } = event;
  return {
    id: event.eventId,
    event_id: event.eventId,
    occurred_at: toRfc3339(event.occurredAt),
    received_at: toRfc3339(event.receivedAt),
    digested_at: toRfc3339(event.digestedAt),
    ...{ code, tenant, environment, service, release, route, method, status, attempt },
    ...presentClass(event),
    expectation: event.expectation,
    mismatches: event.mismatches,
    message: event.message,
    request_id: event.requestId,
  };
}

export function presentEventDetail(event: EventDetail, entry: CatalogEntry | undefined): EventAnswer {
  const { detail } = event;
  const text = (name: string) => {
    const value = detail[name];
    if (value === undefined || value === null) return null;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  return {
    ...presentEvent(event),
    documented:
      entry === undefined
        ? null
        : presentEntry({ catalog: event.catalog ?? '', version: event.catalogVersion ?? 0, entry }),
    type: text('type'),
    stack: text('stack'),
    details: detail['details'] ?? null,
    trace_id: text('trace_id'),
    user: text('user'),
    retry_after: text('retry_after'),
    other_codes: (detail['other_codes'] as unknown[] | undefined) ?? [],
    response: detail['response'] ?? null,
    attributes: detail['attributes'] ?? null,
    notes: (detail['notes'] as string[] | undefined) ?? [],
  };
}

export function presentEntry({ catalog, version, entry }: CatalogMatch): DocumentedEntry {
  const { code, aliases, statuses, section, title, meaning, causes, resolution, retry } = entry;
  return {
    catalog,
    catalog_version: version,
    ...{ code, aliases, statuses, section, title, meaning, causes, resolution },
    retry: {
      retryability: retry.retryability,
      strategy: retry.strategy ?? null,
      condition: retry.condition ?? null,
      max_attempts: retry.maxAttempts ?? null,
      min_delay_seconds: retry.minDelaySeconds ?? null,
    },
    category: entry.category,
    severity: entry.severity,
    expectation: entry.expectation,
    docs_url: entry.docsUrl ?? null,
  };
}

/** @param matches documented entries of the code; the one it was classified as goes first */
export function presentCode(seen: SeenCode, matches: readonly CatalogMatch[]): CodesAnswer['data'][number] {
  const { catalog, section } = seen.class;
  const best =
    matches.find((match) => match.catalog === catalog && match.entry.section === (section ?? '')) ??
    matches[0];
  return {
    code: seen.code,
    count: seen.count,
    tenants: seen.tenants,
    first_seen: timeOrNull(seen.firstSeenAt),
    last_seen: toRfc3339(seen.lastSeenAt),
    ...presentClass(seen.class),
    documented:
      best === undefined
        ? null
        : { title: best.entry.title, meaning: best.entry.meaning, resolution: best.entry.resolution },
  };
}

export const presentClasses = (
  classes: ReadonlyArray<SeenClass & { count: number }>,
): CodeAnswer['classifications'] => classes.map((seen) => ({ ...presentClass(seen), count: seen.count }));

export const presentTenant = (seen: SeenTenant): TenantsAnswer['data'][number] => ({
  tenant: seen.tenant,
  count: seen.count,
  codes: seen.codes,
  top_code: seen.topCode,
  first_seen: timeOrNull(seen.firstSeenAt),
  last_seen: toRfc3339(seen.lastSeenAt),
});
