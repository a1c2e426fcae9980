/** A message as it goes to a channel: the same id and text in every attempt. */
export interface OutboundMessage {
  id: string;
  payload: unknown;
}

export interface SendContext {
  /** Milliseconds. */
  now: number;
  /** Aborted when the process stops. */
  signal: AbortSignal;
}

/** What became of one attempt; whether another can help is said here and nowhere else. */
export type SendResult =
  | { kind: 'delivered'; status: number }
  | { kind: 'retry'; error: string; status?: number; retryAfterMs?: number }
  | { kind: 'permanent'; error: string; status?: number; disableChannel?: string };

/** One way to reach people. It never throws for what a receiver does. */
export interface Channel {
  /** As in the table `channel`. */
  readonly kind: string;
  /**
   * Makes one attempt.
   * @param config the channel's stored settings, not validated yet
   * @param secret the channel's secret, opened; undefined where it has none
   */
  send(
    message: OutboundMessage,
    config: unknown,
    secret: string | undefined,
    context: SendContext,
  ): Promise<SendResult>;
}

/** Finds channels by kind. @throws Error where two have the same kind */
export function channelRegistry(channels: readonly Channel[]): ReadonlyMap<string, Channel> {
  const registry = new Map(channels.map((channel) => [channel.kind, channel]));
  if (registry.size !== channels.length) throw new Error('two channels have the same kind');
  return registry;
}
