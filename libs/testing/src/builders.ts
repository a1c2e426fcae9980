import { compileCatalogs, digestBatch } from '@errata/core';
import type { DigestRow, ErrorEvent } from '@errata/core';
import { uuidV7 } from '@errata/platform';

/** An event with sensible values, overridden where a test cares. */
export function anEvent(overrides: Partial<ErrorEvent> = {}): ErrorEvent {
  const occurredAt = overrides.occurredAt ?? Date.now();
  return {
    eventId: uuidV7(occurredAt),
    occurredAt,
    environment: 'production',
    service: 'orders',
    tenant: 'acme',
    http: { method: 'GET', route: '/orders/:id', status: 403 },
    error: { code: 'TENANT_ACCESS_DENIED', message: 'another tenant was asked for' },
    ...overrides,
  };
}

/** Rows of events as the worker would write them, without any catalog attached. */
export function rowsOf(events: readonly ErrorEvent[], projectId = 1): DigestRow[] {
  return digestBatch(projectId, events, compileCatalogs([])).rows;
}
