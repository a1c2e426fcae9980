import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/**
 * Everything that is measured, declared in one place: name, labels, meaning. Labels are bounded;
 * a code past the first {@link MAX_CODES} of a process counts under `__other__`.
 */
export interface Metrics {
  registry: Registry;
  events: Counter<'outcome' | 'reason'>;
  codes: Counter<'code' | 'retryability'>;
  queueJobs: Gauge<'queue' | 'state'>;
  queueAge: Gauge<'queue'>;
  digestSeconds: Histogram;
  acceptedToStored: Histogram;
  notifications: Counter<'channel' | 'outcome'>;
  /** Counts one stored event under its code, bounded. */
  countCode(code: string, retryability: string, count: number): void;
}

export const MAX_CODES = 200;

const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics of one process. */
export function createMetrics(process: 'api' | 'worker'): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const codes = new Counter({
    name: 'errata_error_events_total',
    help: 'Stored events by error code and retryability.',
    labelNames: ['code', 'retryability'],
    registers,
  });
  const seen = new Set<string>();
  return {
    registry,
    codes,
    events: new Counter({
      name: 'errata_events_total',
      help: 'Events by their one outcome.',
      labelNames: ['outcome', 'reason'],
      registers,
    }),
    queueJobs: new Gauge({
      name: 'errata_queue_jobs',
      help: 'Jobs in a queue by state.',
      labelNames: ['queue', 'state'],
      registers,
    }),
    queueAge: new Gauge({
      name: 'errata_queue_oldest_job_age_seconds',
      help: 'Age of the oldest waiting job of a queue; 0 when none waits.',
      labelNames: ['queue'],
      registers,
    }),
    digestSeconds: new Histogram({
      name: 'errata_digest_duration_seconds',
      help: 'Time to classify and commit one batch.',
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    acceptedToStored: new Histogram({
      name: 'errata_accepted_to_stored_seconds',
      help: 'Time from the receipt of a batch to its commit.',
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    notifications: new Counter({
      name: 'errata_notifications_total',
      help: 'Attempts to deliver a notification, by channel kind and outcome.',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    countCode: (code, retryability, count) => {
      if (!seen.has(code) && seen.size < MAX_CODES) seen.add(code);
      codes.inc({ code: seen.has(code) ? code : '__other__', retryability }, count);
    },
  };
}

/**
 * The exposition text of this process and of others that gave their metrics as JSON.
 * @param others what {@link Registry.getMetricsAsJSON} gave elsewhere
 */
export async function exposition(registry: Registry, others: readonly object[]): Promise<string> {
  if (others.length === 0) return registry.metrics();
  const own = await registry.getMetricsAsJSON();
  return AggregatorRegistry.aggregate([own, ...others] as never).metrics();
}

/** Content type of the exposition text. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
