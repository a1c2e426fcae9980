import { InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { JOBS, digestJob } from '@errata/contracts';
import { WORKER_OPTIONS, jobOptions, uuidFromContent } from '@errata/platform';
import type { Env, Logger } from '@errata/platform';
import { writeDeadLetter } from '@errata/storage';
import type { Storage } from '@errata/storage';
import type { Job, Queue } from 'bullmq';
import { ENV, LOGGER, STORAGE } from '../tokens.js';
import { DigestService } from './digest.service.js';

/** Pause before a project is evaluated, so that a burst of batches asks once. */
const EVALUATE_DELAY_MS = 200;

const SWEEP_EVERY_MS = 60_000;
const SWEEP_AT_ONCE = 100;

/** Consumes the ingest queue: a job is done only when its events are committed. */
@Processor('ingest', { ...WORKER_OPTIONS })
export class DigestProcessor extends WorkerHost implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(DigestService) private readonly service: DigestService,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(ENV) private readonly env: Env,
    @Inject(LOGGER) private readonly logger: Logger,
    @InjectQueue('evaluate') private readonly evaluate: Queue,
    @InjectQueue('ingest') private readonly ingest: Queue,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.worker.concurrency = this.env.WORKER_CONCURRENCY;
    void this.worker.run();
    void this.sweepFailed();
    this.timer = setInterval(() => void this.sweepFailed(), SWEEP_EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
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

  // What can still be read is filed event by event; what cannot, as it is.
  private async setAside(
    job: Job<unknown>,
    stage: 'parse' | 'queue',
    reasonCode: string,
    reason: string,
  ): Promise<void> {
    const parsed = digestJob.safeParse(job.data);
    if (parsed.success) await this.service.giveUp(parsed.data, reason);
    else {
      await writeDeadLetter(this.storage, {
        id: uuidFromContent(`job ${job.id ?? ''}`),
        stage,
        reasonCode,
        reason,
        payload: JSON.stringify(job.data) ?? 'null',
        receivedAt: job.timestamp,
      });
    }
    if (stage === 'queue') await job.remove();
  }

  // The `failed` event is lost with its process; what it should have filed is found here.
  private async sweepFailed(): Promise<void> {
    try {
      for (const job of await this.ingest.getJobs(['failed'], 0, SWEEP_AT_ONCE - 1)) {
        await this.setAside(job as Job<unknown>, 'queue', 'GAVE_UP', job.failedReason ?? 'failed');
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'failed jobs could not be filed; the next sweep tries again');
    }
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
