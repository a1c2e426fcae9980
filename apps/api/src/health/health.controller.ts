import { InjectQueue } from '@nestjs/bullmq';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { METRICS_CONTENT_TYPE, exposition, withTimeout } from '@errata/platform';
import type { Env, Metrics } from '@errata/platform';
import type { Storage } from '@errata/storage';
import type { Queue } from 'bullmq';
import type { FastifyReply } from 'fastify';
import { Policy } from '../auth/policy.js';
import { ENV, METRICS, STORAGE } from '../tokens.js';

const CHECK_TIMEOUT_MS = 2_000;

/** Alive, ready, and the numbers. */
@Controller()
export class HealthController {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @InjectQueue('ingest') private readonly queue: Queue,
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /** The process answers; nothing else is looked at, so that a database outage restarts nobody. */
  @Get('healthz')
  @Policy('public')
  health() {
    return { status: 'ok' };
  }

  /** Whether requests can be served, and what is missing where not. */
  @Get('readyz')
  @Policy('public')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const checks = await Promise.all([
      check('postgres', () => this.storage.db.$queryRaw`SELECT 1`),
      check('queue', () => this.queue.getWaitingCount()),
    ]);
    const missing = checks.filter((result) => !result.ok);
    void reply.status(missing.length === 0 ? 200 : 503);
    return {
      status: missing.length === 0 ? 'ready' : 'not ready',
      checks: Object.fromEntries(checks.map(({ name, ok, detail }) => [name, ok ? 'ok' : detail])),
    };
  }

  @Get('metrics')
  @Policy('public')
  async metricsText(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    await this.measureQueue().catch(() => undefined);
    const others = await Promise.all(this.env.WORKER_URLS.map(fetchMetrics));
    void reply.header('content-type', METRICS_CONTENT_TYPE);
    return exposition(
      this.metrics.registry,
      others.filter((other) => other !== undefined),
    );
  }

  private async measureQueue(): Promise<void> {
    const counts = await this.queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
    for (const [state, count] of Object.entries(counts)) {
      this.metrics.queueJobs.set({ queue: 'ingest', state }, count);
    }
    const [oldest] = await this.queue.getJobs(['waiting'], 0, 0, true);
    const age = oldest === undefined ? 0 : (Date.now() - oldest.timestamp) / 1000;
    this.metrics.queueAge.set({ queue: 'ingest' }, Math.max(0, age));
  }
}

async function check(name: string, probe: () => Promise<unknown>) {
  try {
    await withTimeout(probe(), CHECK_TIMEOUT_MS);
    return { name, ok: true, detail: 'ok' };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

// A worker that does not answer is missing from the text; its own absence is what the scraper sees.
async function fetchMetrics(url: string): Promise<object | undefined> {
  try {
    const response = await fetch(`${url}/metrics.json`, { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as object) : undefined;
  } catch {
    return undefined;
  }
}
