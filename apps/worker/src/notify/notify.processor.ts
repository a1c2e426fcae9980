import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { WORKER_OPTIONS } from '@errata/platform';
import type { Clock, Env, Logger, Metrics } from '@errata/platform';
import type { Storage } from '@errata/storage';
import type { Job } from 'bullmq';
import { CLOCK, ENV, LOGGER, METRICS, SECRET_KEY, STORAGE } from '../tokens.js';
import { channelRegistry } from './channels/channel.js';
import { WebhookChannel } from './channels/webhook.js';
import { OutboxSender } from './outbox-sender.js';

/** How often the outbox is looked at without being asked: retries fall due, and a job may get lost. */
const LOOK_MS = 5_000;
const STOP_GRACE_MS = 5_000;

/** Looks into the outbox when a job says so, and every few seconds anyway. */
@Processor('notify', { ...WORKER_OPTIONS, concurrency: 2 })
export class NotifyProcessor extends WorkerHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sender: OutboxSender;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(STORAGE) storage: Storage,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ENV) env: Env,
    @Inject(SECRET_KEY) secretKey: Buffer,
    @Inject(METRICS) metrics: Metrics,
  ) {
    super();
    const policy = {
      allowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
      allowHttp: env.WEBHOOK_ALLOW_PRIVATE,
      allowHosts: env.WEBHOOK_ALLOW_HOSTS,
    };
    this.sender = new OutboxSender({
      storage,
      clock,
      logger,
      secretKey,
      channels: channelRegistry([new WebhookChannel(policy)]),
      onAttempt: (channel, outcome) => metrics.notifications.inc({ channel, outcome }),
    });
  }

  onApplicationBootstrap(): void {
    void this.worker.run();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    this.timer.unref();
    void this.look();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.sender.stop(STOP_GRACE_MS);
  }

  async process(): Promise<void> {
    await this.sender.kick();
  }

  @OnWorkerEvent('failed')
  onFailed(job: Job<unknown> | undefined, error: Error): void {
    this.logger.warn({ err: error, jobId: job?.id }, 'the outbox could not be read; the next look does it');
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.logger.warn({ err: error }, 'notify worker');
  }

  private async look(): Promise<void> {
    await this.sender
      .kick()
      .catch((error: unknown) => this.logger.warn({ err: error }, 'the outbox cannot be read'));
  }
}
