import { InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { JOBS, evaluateJob } from '@errata/contracts';
import { WORKER_OPTIONS, jobOptions } from '@errata/platform';
import type { Clock, Env, Logger } from '@errata/platform';
import { projectsToEvaluate } from '@errata/storage';
import type { Storage } from '@errata/storage';
import { UnrecoverableError } from 'bullmq';
import type { Job, Queue } from 'bullmq';
import { CLOCK, ENV, LOGGER, STORAGE } from '../tokens.js';
import { evaluateProject } from './evaluate-project.js';

// Failed evaluations are kept for looking at; the next tick does their work.
const KEEP_FAILED = { removeOnFail: { count: 100 } };

/**
 * Evaluates projects: one after its events were stored, and all that time alone can change on a tick.
 * Every replica asks for the tick and the queue keeps one, so that no lost schedule can stop it.
 */
@Processor('evaluate', { ...WORKER_OPTIONS, concurrency: 2 })
export class EvaluateProcessor extends WorkerHost implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private readonly publicUrl: string;

  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ENV) private readonly env: Env,
    @InjectQueue('evaluate') private readonly evaluations: Queue,
    @InjectQueue('notify') private readonly notifications: Queue,
  ) {
    super();
    // An address that means "every interface" leads nowhere in a link.
    const host = env.HOST === '0.0.0.0' || env.HOST === '::' ? 'localhost' : env.HOST;
    this.publicUrl = (env.PUBLIC_URL ?? `http://${host}:${env.PORT}`).replace(/\/+$/, '');
  }

  onApplicationBootstrap(): void {
    void this.worker.run();
    const period = this.env.EVALUATE_TICK_SECONDS * 1_000;
    this.timer = setInterval(() => void this.askForTick(period), period);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async process(job: Job<unknown>): Promise<void> {
    if (job.name === 'evaluate-tick') return this.tick();
    const parsed = evaluateJob.safeParse(job.data);
    if (!parsed.success) {
      this.logger.error({ jobId: job.id, issues: parsed.error.issues }, 'an evaluation job does not parse');
      throw new UnrecoverableError('the payload does not parse');
    }
    await this.evaluate(parsed.data.projectId);
  }

  @OnWorkerEvent('failed')
  onFailed(job: Job<unknown> | undefined, error: Error): void {
    this.logger.warn(
      { err: error, job: job?.name, data: job?.data },
      'evaluation failed; a tick will do it again',
    );
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.logger.warn({ err: error }, 'evaluate worker');
  }

  private async evaluate(projectId: number): Promise<void> {
    const { storage, clock, publicUrl } = this;
    // One broken rule must not keep the pages of the others waiting.
    const onRuleError = (ruleId: string, error: unknown) =>
      this.logger.error({ err: error, projectId, ruleId }, 'a rule could not be evaluated');
    const result = await evaluateProject({ storage, clock, publicUrl, onRuleError }, projectId);
    if (result.fired + result.resolved > 0) this.logger.info({ projectId, ...result }, 'incidents changed');
    if (result.messages > 0) await this.askForDelivery();
  }

  /** One job per project, so that a project that fails or takes long holds up no other. */
  private async tick(): Promise<void> {
    for (const projectId of await projectsToEvaluate(this.storage.db, this.clock.now())) {
      await this.evaluations.add(
        'evaluate',
        { projectId },
        {
          ...jobOptions(JOBS.evaluate),
          ...KEEP_FAILED,
          deduplication: { id: `project-${projectId}`, keepLastIfActive: true },
        },
      );
    }
  }

  private async askForTick(period: number): Promise<void> {
    const options = { ...jobOptions(JOBS['evaluate-tick']), ...KEEP_FAILED };
    const deduplication = { id: 'evaluate-tick', ttl: Math.round(period * 0.9) };
    await this.evaluations
      .add('evaluate-tick', {}, { ...options, deduplication })
      .catch((error: unknown) => this.logger.warn({ err: error }, 'no evaluation tick could be asked for'));
  }

  // The outbox holds the messages: without this job they leave with the sender's next look.
  private async askForDelivery(): Promise<void> {
    const options = { ...jobOptions(JOBS.notify), ...KEEP_FAILED };
    await this.notifications
      .add('notify', {}, { ...options, deduplication: { id: 'notify', keepLastIfActive: true } })
      .catch((error: unknown) => this.logger.warn({ err: error }, 'no delivery could be asked for'));
  }
}
