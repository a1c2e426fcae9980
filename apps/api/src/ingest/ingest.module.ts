import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Module } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { JOBS } from '@errata/contracts';
import type { DigestJob } from '@errata/contracts';
import { jobOptions, withTimeout } from '@errata/platform';
import type { Clock, Env, Logger } from '@errata/platform';
import type { Queue } from 'bullmq';
import { CLOCK, COALESCER, ENV, LOGGER } from '../tokens.js';
import { createCoalescer } from './coalescer.js';
import type { Coalescer } from './coalescer.js';
import { IngestController } from './ingest.controller.js';
import { IngestService } from './ingest.service.js';

/** Events that may wait for the queue in one process; the coalescer bounds their bytes too. */
const MAX_IN_FLIGHT = 100_000;

/** The coalescer over the ingest queue; queues what is still open when the process stops. */
@Injectable()
export class QueueCoalescer implements Coalescer, BeforeApplicationShutdown {
  private readonly inner: Coalescer;

  constructor(
    @InjectQueue('ingest') queue: Queue,
    @Inject(ENV) env: Env,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.inner = createCoalescer({
      enqueue: (job: DigestJob) =>
        withTimeout(queue.add('digest', job, jobOptions(JOBS.digest, job.batchId)), env.QUEUE_TIMEOUT_MS),
      clock,
      maxWaitMs: env.COALESCE_MS,
      maxEvents: env.COALESCE_EVENTS,
      maxInFlight: MAX_IN_FLIGHT,
      onError: (error) => logger.warn({ err: error }, 'the queue did not take a batch'),
    });
    queue.on('error', (error) => logger.warn({ err: error }, 'ingest queue'));
  }

  add(...parameters: Parameters<Coalescer['add']>): Promise<void> {
    return this.inner.add(...parameters);
  }

  count(...parameters: Parameters<Coalescer['count']>): void {
    this.inner.count(...parameters);
  }

  drain(): Promise<void> {
    return this.inner.drain();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.drain();
  }
}

@Module({
  controllers: [IngestController],
  providers: [IngestService, { provide: COALESCER, useClass: QueueCoalescer }],
})
export class IngestModule {}
