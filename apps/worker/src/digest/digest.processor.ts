import { InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { JOBS, digestJob } from '@errata/contracts';
import { jobOptions, uuidFromContent } from '@errata/platform';
import type { Clock, Logger } from '@errata/platform';
import { writeDeadLetter } from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { Job, Queue } from 'bullmq';
import { CLOCK, LOGGER, STORAGE } from '../tokens.js';
import { DigestService } from './digest.service.js';

/** Pause before a project is evaluated, so that a burst of batches asks once. */
const EVALUATE_DELAY_MS = 200;

/** Consumes the ingest queue: a job is done only when its events are committed. */
@Processor('ingest', { autorun: false })
export class DigestProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @Inject(DigestService) private readonly service: DigestService,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @InjectQueue('evaluate') private readonly evaluate: Queue,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    void this.worker.run();
  }

  async process(job: Job<unknown>): Promise<void> {
    const parsed = digestJob.safeParse(job.data);
    if (!parsed.success) {
      const reason = parsed.error.issues
        .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
        .join('; ');
      return this.setAside(job, 'parse', 'PAYLOAD', reason);
    }
    const touched = await this.service.digest(parsed.data);
    for (const projectId of touched) await this.askForEvaluation(projectId);
  }

  /** A job that BullMQ itself gave up on, e.g. one that keeps killing its worker, ends in the same place. */
  @OnWorkerEvent('failed')
  async onFailed(job: Job<unknown> | undefined, error: Error): Promise<void> {
    if (job === undefined) return;
    const gaveUp = /stalled more than/.test(error.message) || job.finishedOn !== undefined;
    if (!gaveUp) {
      this.logger.warn({ err: error, jobId: job.id, attempt: job.attemptsMade }, 'batch will be tried again');
      return;
    }
    await this.setAside(job, 'queue', 'GAVE_UP', error.message).catch((fault: unknown) => {
      this.logger.error(
        { err: fault, jobId: job.id },
        'a failed job could not be set aside and stays in the queue',
      );
    });
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.logger.warn({ err: error }, 'ingest worker');
  }

  private async setAside(
    job: Job<unknown>,
    stage: 'parse' | 'queue',
    reasonCode: string,
    reason: string,
  ): Promise<void> {
    await writeDeadLetter(this.storage, {
      id: uuidFromContent(`job ${job.id ?? ''}`),
      stage,
      reasonCode,
      reason,
      payload: JSON.stringify(job.data) ?? 'null',
      receivedAt: job.timestamp,
    });
    if (stage === 'queue') await job.remove();
  }

  // The evaluation tick finds the project anyway; a failure here only costs some seconds.
  private async askForEvaluation(projectId: number): Promise<void> {
    try {
      await this.evaluate.add(
        'evaluate',
        { projectId },
        {
          ...jobOptions(JOBS.evaluate),
          delay: EVALUATE_DELAY_MS,
          deduplication: { id: `project-${projectId}`, keepLastIfActive: true },
        },
      );
    } catch (error) {
      this.logger.warn({ err: error, projectId }, 'no evaluation could be asked for');
    }
  }
}
