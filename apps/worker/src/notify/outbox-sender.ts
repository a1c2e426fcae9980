import { channelSecretContext } from '@errata/contracts';
import { openSecret } from '@errata/platform';
import type { Clock, Logger } from '@errata/platform';
import { claimDue, recordAttempt } from '@errata/storage';
import type { AttemptRecord, ClaimedMessage, Storage } from '@errata/storage';
import type { Channel, SendResult } from './channels/channel.js';
import { nextAttemptAt } from './retry-schedule.js';

/** How long a claimed message is this process's own: well above the longest attempt. */
export const LEASE_MS = 60_000;

/** Attempts under way at a time; a receiver that hangs holds one of them. */
const MAX_IN_FLIGHT = 32;

const MAX_ERROR_LENGTH = 500;

export interface SenderDeps {
  storage: Storage;
  clock: Clock;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  secretKey: Buffer;
  channels: ReadonlyMap<string, Channel>;
  /** Told of every recorded attempt. */
  onAttempt?: (channel: string, outcome: AttemptRecord['outcome']) => void;
}

/**
 * Sends what the outbox holds: claims under a lease, sends outside any transaction, records.
 *
 * Delivery is at least once: a process that dies between sending and recording leaves the message to whoever
 * claims it when the lease is over, under the same id.
 */
export class OutboxSender {
  private readonly inFlight = new Set<Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(private readonly deps: SenderDeps) {}

  /** Claims what is due and starts to send it. Resolves when it is claimed, not when it is sent. */
  async kick(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const limit = MAX_IN_FLIGHT - this.inFlight.size;
      if (limit <= 0) return;
      const now = this.deps.clock.now();
      const messages = await claimDue(this.deps.storage.db, { now, leaseMs: LEASE_MS, limit });
      for (const message of messages) this.start(message);
      if (messages.length < limit) return;
    }
  }

  /** Waits until nothing is being sent. */
  async idle(): Promise<void> {
    while (this.inFlight.size > 0) await Promise.all(this.inFlight);
  }

  /**
   * Takes no more messages, gives those under way a moment, then breaks them off.
   * @param graceMs milliseconds until they are broken off; their leases run out and they are sent again
   */
  async stop(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.stopping.abort(), graceMs);
    await this.idle();
    clearTimeout(timer);
    this.stopping.abort();
  }

  private start(message: ClaimedMessage): void {
    const work: Promise<void> = this.deliver(message)
      .catch((error: unknown) => {
        this.deps.logger.error(
          { err: error, outboxId: message.id },
          'an attempt could not be recorded; it is made again',
        );
      })
      .then(() => this.next(work));
    this.inFlight.add(work);
  }

  // A place is free, and the end of one message may be what a later one waited for.
  private async next(done: Promise<void>): Promise<void> {
    await this.kick().catch((error: unknown) =>
      this.deps.logger.warn({ err: error }, 'the outbox cannot be read'),
    );
    this.inFlight.delete(done);
  }

  private async deliver(message: ClaimedMessage): Promise<void> {
    const startedAt = this.deps.clock.now();
    const result = await this.attempt(message, startedAt);
    // Broken off: whether it arrived is not known, so nothing is recorded.
    if (this.stopping.signal.aborted && result.kind !== 'delivered') return;
    const at = this.deps.clock.now();
    const record = recordOf(message, result, at, at - startedAt);
    await recordAttempt(this.deps.storage.db, message, record);
    this.deps.onAttempt?.(message.channel?.kind ?? 'deleted', record.outcome);
    if (record.outcome !== 'delivered') {
      const { outcome, error } = record;
      this.deps.logger.warn(
        { outboxId: message.id, channelId: message.channelId, outcome, error },
        'not delivered',
      );
    }
  }

  private async attempt(message: ClaimedMessage, now: number): Promise<SendResult> {
    const { channel, projectId, channelId } = message;
    if (channel === undefined) return { kind: 'permanent', error: 'the channel was deleted' };
    // Trying a channel before it is switched on again is what a test is for.
    if (!channel.enabled && message.reason !== 'test')
      return { kind: 'permanent', error: 'the channel is disabled' };
    const sender = this.deps.channels.get(channel.kind);
    if (sender === undefined)
      return { kind: 'retry', error: `this release has no channel of kind ${channel.kind}` };
    try {
      const context = channelSecretContext(projectId, channelId);
      const secret = channel.secret && openSecret(this.deps.secretKey, channel.secret, context);
      const { id, payload } = message;
      return await sender.send({ id, payload }, channel.config, secret, {
        now,
        signal: this.stopping.signal,
      });
    } catch (error) {
      // The secret does not open, which the right key mends.
      return { kind: 'retry', error: error instanceof Error ? error.message : String(error) };
    }
  }
}

function recordOf(
  message: ClaimedMessage,
  result: SendResult,
  at: number,
  durationMs: number,
): AttemptRecord {
  const common = {
    at,
    durationMs,
    ...(result.status === undefined ? {} : { responseStatus: result.status }),
  };
  if (result.kind === 'delivered') return { ...common, outcome: 'delivered' };
  const error = result.error.slice(0, MAX_ERROR_LENGTH);
  if (result.kind === 'permanent') {
    const { disableChannel } = result;
    return {
      ...common,
      outcome: 'failed',
      error,
      ...(disableChannel === undefined ? {} : { disableChannel }),
    };
  }
  // Whoever tries a channel wants one answer, not three days of them.
  const next =
    message.reason === 'test' ? undefined : nextAttemptAt(message.attempts + 1, at, result.retryAfterMs);
  return next === undefined
    ? { ...common, outcome: 'failed', error }
    : { ...common, outcome: 'retry', error, nextAttemptAt: next };
}
