import { createHash } from 'node:crypto';
import { DAY, HOUR, compileCatalogs, digestBatch } from '@errata/core';
import type { ErrorEvent } from '@errata/core';
import { uuidV7 } from '@errata/platform';
import { anEvent, createTestDatabase, createTestProject } from '@errata/testing';
import type { TestDatabase } from '@errata/testing';
import { openStorage } from '../storage.js';
import type { Storage } from '../storage.js';
import { commitDigest } from '../write/digest.js';
import { loadProjectCatalogs } from '../write/project-catalogs.js';
import { readDocumentedEntry } from './documented-entry.js';
import { MESSAGE_PREVIEW, eventsStatement, readEvent, readEvents } from './events.js';
import type { EventPosition } from './events.js';

const T0 = Date.UTC(2026, 10, 20, 12, 0, 0);

let database: TestDatabase;
let storage: Storage;
let projectId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ projectId } = await createTestProject(database.url));
  storage = await openStorage({ databaseUrl: database.url, poolSize: 4 });
});
afterAll(async () => {
  await storage?.close();
  await database?.drop();
});

async function commit(events: ErrorEvent[], project = projectId): Promise<void> {
  const catalogs = compileCatalogs(await loadProjectCatalogs(storage.db, projectId));
  await commitDigest(storage, {
    projectId: project,
    batchId: uuidV7(T0),
    createdAt: T0,
    receivedAt: T0,
    rows: digestBatch(project, events, catalogs).rows,
    rejected: [],
    deadLetters: [],
  });
}

// Any 32 hex digits may be an event id, not only UUIDs that carry a time.
const plainId = (seed: number): string => {
  const hex = createHash('sha256').update(String(seed)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

describe('readEvents', () => {
  it('returns every event exactly once over pages of any size, with ties, while new ones arrive', async () => {
    const start = T0 - 3 * HOUR;
    // Six instants for 120 events, over the border of two days.
    const events = Array.from({ length: 120 }, (_, i) =>
      anEvent({ eventId: plainId(i), occurredAt: start - (i % 6) * 3 * HOUR }),
    );
    await commit(events);
    const wanted = events.map((event) => event.eventId).sort();
    for (const limit of [1, 7, 20, 119, 120, 1_000]) {
      const seen: EventPosition[] = [];
      let after: EventPosition | undefined;
      for (let turn = 0; turn < 200; turn++) {
        const page = await readEvents(
          storage.db,
          { projectId, window: { from: start - DAY, to: start + 1 }, filters: {} },
          { limit, ...(after === undefined ? {} : { after }) },
        );
        expect(page.events.length).toBeLessThanOrEqual(limit);
        seen.push(...page.events);
        after = page.next;
        if (after === undefined) break;
        // Newer than the window: what arrives while somebody pages must not move the pages.
        if (turn < 3) await commit([anEvent({ occurredAt: start + 5 + turn + limit * 10 })]);
      }
      expect(seen.map((event) => event.eventId).sort()).toEqual(wanted);
      const keys = seen.map((event) => `${String(event.occurredAt).padStart(16, '0')} ${event.eventId}`);
      expect(keys).toEqual([...keys].sort().reverse());
    }
  });

  it('takes the start of the window and leaves its end out', async () => {
    const at = T0 - 40 * HOUR;
    await commit([0, 1, 2].map((ms) => anEvent({ occurredAt: at + ms })));
    const page = await readEvents(
      storage.db,
      { projectId, window: { from: at, to: at + 2 }, filters: {} },
      { limit: 10 },
    );
    expect(page.events.map((event) => event.occurredAt)).toEqual([at + 1, at]);
    expect(page.next).toBeUndefined();
  });

  it('names everything that an event holds, and cuts long messages', async () => {
    const at = T0 - 50 * HOUR;
    const message = 'x'.repeat(MESSAGE_PREVIEW + 500);
    await commit([
      anEvent({
        occurredAt: at,
        error: { code: 'TENANT_ACCESS_DENIED', message },
        requestId: 'req-1',
        attempt: 2,
      }),
    ]);
    const filters = { tenant: ['acme'], status: [403] };
    const { events } = await readEvents(
      storage.db,
      { projectId, window: { from: at, to: at + 1 }, filters },
      { limit: 10 },
    );
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      occurredAt: at,
      receivedAt: T0,
      code: 'TENANT_ACCESS_DENIED',
      tenant: 'acme',
      environment: 'production',
      service: 'orders',
      release: null,
      route: '/orders/:id',
      method: 'GET',
      status: 403,
      attempt: 2,
      catalog: 'aether365',
      entryCode: 'TENANT_ACCESS_DENIED',
      retryability: 'permanent',
      severity: 'critical',
      expectation: 'never',
      matchedBy: 'code',
      mismatches: [],
      requestId: 'req-1',
      message: message.slice(0, MESSAGE_PREVIEW),
    });
    expect((await readEvent(storage.db, projectId, events[0]!.eventId))!.message).toBe(message);
  });

  it('shows no event of another project or another tenant', async () => {
    const at = T0 - 60 * HOUR;
    await commit([anEvent({ occurredAt: at })], projectId + 1);
    await commit([anEvent({ occurredAt: at, tenant: 'umbrella' })]);
    const window = { from: at, to: at + 1 };
    const page = await readEvents(storage.db, { projectId, window, filters: {} }, { limit: 10 });
    expect(page.events.map((event) => event.tenant)).toEqual(['umbrella']);
    const other = await readEvents(
      storage.db,
      { projectId, window, filters: { tenant: ['acme'] } },
      { limit: 10 },
    );
    expect(other.events).toEqual([]);
  });

  it('leaves newer days out when it goes on after a position', async () => {
    const window = { from: T0 - 2 * DAY, to: T0 + DAY };
    const after = { occurredAt: T0 - DAY - 12 * HOUR, eventId: plainId(1) };
    const { text, values } = eventsStatement(projectId, window, {}, { limit: 10, after });
    const rows = await database.query<Record<'QUERY PLAN', string>>(`EXPLAIN ${text}`, values);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('error_event_p20261119');
    expect(plan).not.toContain('error_event_p20261120');
  });
});

describe('readEvent', () => {
  it.each<[string, (at: number) => Partial<ErrorEvent>]>([
    ['a UUIDv7 of its own time', (at) => ({ eventId: uuidV7(at) })],
    ['a UUIDv7 made hours later', (at) => ({ eventId: uuidV7(at + 5 * HOUR) })],
    ['a UUIDv7 made weeks later', (at) => ({ eventId: uuidV7(at + 20 * DAY) })],
    ['an id that tells no time', (at) => ({ eventId: plainId(at) })],
    ['an event that came without a time', (at) => ({ eventId: plainId(at + 1), timeless: true })],
  ])('finds %s', async (_, overridesAt) => {
    const at = T0 - 70 * HOUR;
    const event = anEvent({ occurredAt: at, ...overridesAt(at) });
    await commit([event]);
    const found = await readEvent(storage.db, projectId, event.eventId);
    expect(found).toMatchObject({ eventId: event.eventId, occurredAt: at, detail: { method: 'GET' } });
    expect(await readEvent(storage.db, projectId, event.eventId, { tenant: ['acme'] })).toBeDefined();
    expect(await readEvent(storage.db, projectId, event.eventId, { tenant: ['umbrella'] })).toBeUndefined();
    expect(await readEvent(storage.db, projectId + 1, event.eventId)).toBeUndefined();
  });

  it('leads to the documented meaning and fix', async () => {
    const event = anEvent({ occurredAt: T0 });
    await commit([event]);
    const { classId } = (await readEvent(storage.db, projectId, event.eventId))!;
    const found = await readDocumentedEntry(storage.db, projectId, classId);
    expect(found?.documented?.entry).toMatchObject({ code: 'TENANT_ACCESS_DENIED', expectation: 'never' });
  });

  it('finds nothing for an id that nobody sent', async () => {
    expect(await readEvent(storage.db, projectId, uuidV7(T0 + 1))).toBeUndefined();
  });
});
