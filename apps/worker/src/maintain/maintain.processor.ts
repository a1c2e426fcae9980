import { InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { WORKER_OPTIONS } from '@errata/platform';
import type { Clock, Logger } from '@errata/platform';
import { forgetPartitions, maintain } from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { Queue } from 'bullmq';
import { CLOCK, LOGGER, STORAGE } from '../tokens.js';

const EVERY_MS = 15 * 60_000;

/** Partitions ahead of time, retention behind it: four times an hour, on one worker at a time. */
@Processor('maintain', { ...WORKER_OPTIONS })
export class MaintainProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @InjectQueue('maintain') private readonly queue: Queue,
  ) {
    super();
  }

  // Upserted at every start, because a queue that lost its data lost its schedules too.
  async onApplicationBootstrap(): Promise<void> {
    await this.run();
    await this.queue.upsertJobScheduler(
      'maintain',
      { every: EVERY_MS },
      { name: 'maintain', data: {}, opts: { removeOnComplete: true } },
    );
    void this.worker.run();
  }

  async process(): Promise<void> {
    await this.run();
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.logger.warn({ err: error }, 'maintain worker');
  }

  private async run(): Promise<void> {
    const report = await maintain(this.storage.db, this.clock.now());
    if (report.droppedPartitions.length > 0) forgetPartitions(this.storage.db);
    if (report.droppedPartitions.length > 0 || report.deletedRows > 0) this.logger.info(report, 'retention');
  }
}
