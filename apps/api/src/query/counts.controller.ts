import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiError, outcomesParams, seriesParams, summaryParams, topParams } from '@errata/contracts';
import type { OutcomesAnswer, SeriesAnswer, SummaryAnswer, TopAnswer } from '@errata/contracts';
import type { Clock } from '@errata/platform';
import {
  previousWindow,
  readOutcomeTotals,
  readOutcomes,
  readSeries,
  readSummary,
  readTop,
} from '@errata/storage';
import type { OutcomeTotal, Storage } from '@errata/storage';
import { Caller, Policy, ProjectId } from '../auth/policy.js';
import type { CallerToken } from '../auth/policy.js';
import { CLOCK, STORAGE } from '../tokens.js';
import { parseParams, readFilters, readInterval, readWindow } from './parse-query.js';
import type { RawQuery } from './parse-query.js';
import { presentCounted, presentSeries, presentTop, presentWindow, timeOrNull } from './present.js';

/** Counts, all of them from rollups. */
@Controller('api/v1/projects/:projectId')
export class CountsController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('summary')
  @Policy('events:read')
  async summary(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<SummaryAnswer> {
    const params = parseParams(summaryParams, query);
    const asked = readWindow(params, this.clock.now());
    const filters = readFilters(params, caller.tenant);
    const { window, total, previousTotal, ...rest } = await readSummary(this.storage.db, {
      projectId,
      window: asked,
      filters,
    });
    const outcomes =
      caller.tenant === null ? await readOutcomeTotals(this.storage.db, projectId, asked) : null;
    return {
      ...presentWindow(window),
      total,
      previous: { ...presentWindow(previousWindow(window)), total: previousTotal },
      change: previousTotal === 0 ? null : total / previousTotal - 1,
      distinct_codes: rest.distinctCodes,
      distinct_tenants: rest.distinctTenants,
      newest_event_at: timeOrNull(rest.newestAt),
      outcomes: outcomes === null ? null : presentOutcomes(outcomes),
      by_retryability: presentCounted(rest.byRetryability, total),
      by_category: presentCounted(rest.byCategory, total),
      by_status: presentCounted(rest.byStatus, total),
    };
  }

  @Get('series')
  @Policy('events:read')
  async series(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<SeriesAnswer> {
    const params = parseParams(seriesParams, query);
    const window = readWindow(params, this.clock.now());
    const interval = readInterval(params.interval, window);
    const filters = readFilters(params, caller.tenant);
    const { group_by: by, limit } = params;
    const series = await readSeries(
      this.storage.db,
      { projectId, window, filters },
      { interval: interval.length, ...(by === undefined ? {} : { group: { by, limit } }) },
    );
    return {
      ...presentSeries(series),
      interval: interval.name,
      interval_seconds: interval.length / 1000,
      group_by: by ?? null,
    };
  }

  @Get('top')
  @Policy('events:read')
  async top(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<TopAnswer> {
    const params = parseParams(topParams, query);
    const window = readWindow(params, this.clock.now());
    const filters = readFilters(params, caller.tenant);
    const top = await readTop(this.storage.db, { projectId, window, filters }, params.by, params.limit);
    return {
      ...presentWindow(top.window),
      by: params.by,
      total: top.total,
      values: top.values,
      data: presentTop(top.items, top.total),
    };
  }

  @Get('outcomes')
  @Policy('events:read')
  async outcomes(
    @ProjectId() projectId: number,
    @Caller() caller: CallerToken,
    @Query() query: RawQuery,
  ): Promise<OutcomesAnswer> {
    const params = parseParams(outcomesParams, query);
    if (caller.tenant !== null) {
      throw new ApiError(
        'SCOPE_REQUIRED',
        'Outcomes are counted for whole projects; this token sees one tenant only.',
      );
    }
    const window = readWindow(params, this.clock.now());
    const interval = readInterval(params.interval, window);
    const outcomes = await readOutcomes(this.storage.db, projectId, window, interval.length);
    return {
      ...presentSeries(outcomes),
      interval: interval.name,
      interval_seconds: interval.length / 1000,
      total: outcomes.totals.reduce((sum, { total }) => sum + total, 0),
      data: outcomes.totals,
    };
  }
}

const presentOutcomes = (totals: readonly OutcomeTotal[]) =>
  Object.fromEntries(totals.map(({ outcome, total }) => [outcome, total])) as NonNullable<
    SummaryAnswer['outcomes']
  >;
