import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiError, codeParams, listParams, noParams } from '@errata/contracts';
import type { CodeAnswer, CodesAnswer, EventAnswer, EventsAnswer, TenantsAnswer } from '@errata/contracts';
import { normalizeUuid } from '@errata/platform';
import type { Clock } from '@errata/platform';
import {
  readCode,
  readCodes,
  readDocumentedEntry,
  readEvent,
  readEvents,
  readTenants,
} from '@errata/storage';
import type { EventPosition, Selection, Storage } from '@errata/storage';
import { z } from 'zod';
import { Caller, Policy, ProjectId } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, STORAGE } from '../tokens.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type { CursorScope } from './cursor.js';
import { Documentation, entriesOf } from './documentation.js';
import { parseParams, readFilters, readWindow } from './parse-query.js';
import type { RawQuery } from './parse-query.js';
import {
  presentClasses,
  presentCode,
  presentCounted,
  presentEntry,
  presentEvent,
  presentEventDetail,
  presentTenant,
  presentTop,
  presentWindow,
  timeOrNull,
} from './present.js';

const eventKey: z.ZodType<EventPosition> = z.strictObject({
  occurredAt: z.int().min(0).max(Date.UTC(10_000, 0)),
  eventId: z.guid(),
});
const nameKey = z
  .string()
  .max(200)
  .regex(/^[^\0]*$/);

/** Raw events, and the codes and tenants seen in a window. */
@Controller('api/v1/projects/:projectId')
export class ListsController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Documentation) private readonly documentation: Documentation,
  ) {}

  @Get('events')
  @Policy('events:read')
  async events(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<EventsAnswer> {
    const page = this.page('events', projectId, caller, query, eventKey);
    const { events, next } = await readEvents(this.storage.db, page.selection, page);
    const { window } = page.selection;
    return { ...presentWindow(window), data: events.map(presentEvent), next_cursor: page.cursor(next) };
  }

  @Get('events/:eventId')
  @Policy('events:read')
  async event(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Param('eventId') id: string,
    @Query() query: RawQuery,
  ): Promise<EventAnswer> {
    parseParams(noParams, query);
    const eventId = normalizeUuid(id);
    const event =
      eventId === undefined
        ? undefined
        : await readEvent(this.storage.db, projectId, eventId, readFilters({}, caller.tenant));
    if (event === undefined) {
      throw new ApiError(
        'EVENT_NOT_FOUND',
        `This project has no event ${JSON.stringify(id)}; it may be too old.`,
      );
    }
    const found = await readDocumentedEntry(this.storage.db, projectId, event.classId);
    return presentEventDetail(event, found?.documented?.entry);
  }

  @Get('codes')
  @Policy('events:read')
  async codes(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<CodesAnswer> {
    const page = this.page('codes', projectId, caller, query, nameKey);
    const { window, codes, next } = await readCodes(this.storage.db, page.selection, page);
    const catalogs = await this.documentation.of(projectId);
    const data = codes.map((seen) => presentCode(seen, entriesOf(catalogs, seen.code)));
    return { ...presentWindow(window), data, next_cursor: page.cursor(next) };
  }

  @Get('codes/:code')
  @Policy('events:read')
  async code(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Param('code') code: string,
    @Query() query: RawQuery,
  ): Promise<CodeAnswer> {
    const params = parseParams(codeParams, query);
    const window = readWindow(params, this.clock.now());
    const filters = readFilters(params, caller.tenant);
    const seen = await readCode(this.storage.db, { projectId, window, filters }, code);
    const documented = entriesOf(await this.documentation.of(projectId), code);
    if (documented.length === 0 && seen.firstSeenAt === undefined && seen.summary.total === 0) {
      throw new ApiError(
        'CODE_NOT_FOUND',
        `The code ${JSON.stringify(code)} is neither documented nor was it ever seen.`,
      );
    }
    const { summary } = seen;
    return {
      ...presentWindow(summary.window),
      code,
      count: summary.total,
      previous_count: summary.previousTotal,
      first_seen: timeOrNull(seen.firstSeenAt),
      last_seen: timeOrNull(summary.newestAt),
      documented: documented.map(presentEntry),
      classifications: presentClasses(seen.classes),
      statuses: presentCounted(summary.byStatus, summary.total),
      tenants: presentTop(seen.tenants.items, summary.total),
    };
  }

  @Get('tenants')
  @Policy('events:read')
  async tenants(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<TenantsAnswer> {
    const page = this.page('tenants', projectId, caller, query, nameKey);
    const { window, tenants, next } = await readTenants(this.storage.db, page.selection, page);
    return { ...presentWindow(window), data: tenants.map(presentTenant), next_cursor: page.cursor(next) };
  }

  // A cursor keeps the instants of the first page, so that `-24h` means the same on every page.
  private page<K>(route: string, projectId: number, caller: CallerToken, query: RawQuery, key: z.ZodType<K>) {
    const params = parseParams(listParams, query);
    const filters = readFilters(params, caller.tenant);
    const scope: CursorScope = { route, projectId, filters, range: [params.from, params.to] };
    const asked = readWindow(params, this.clock.now());
    const position = params.cursor === undefined ? undefined : decodeCursor(scope, params.cursor, key);
    const window = position?.window ?? asked;
    const selection: Selection = { projectId, window, filters };
    return {
      selection,
      limit: params.limit,
      ...(position === undefined ? {} : { after: position.after }),
      cursor: (next: K | undefined) =>
        next === undefined ? null : encodeCursor(scope, { window, after: next }),
    };
  }
}
