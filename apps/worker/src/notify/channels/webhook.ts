import { webhookConfig, webhookSecrets } from '@errata/contracts';
import type { WebhookSecrets } from '@errata/contracts';
import { postGuarded, signWebhook } from '@errata/platform';
import type { OutboundAnswer } from '@errata/platform';
import { retryAfterMs } from '../retry-schedule.js';
import type { Channel, OutboundMessage, SendContext, SendResult } from './channel.js';

/** Where webhooks may go; see `checkUrl`. */
export interface AddressPolicy {
  allowPrivate: boolean;
  allowHttp: boolean;
  allowHosts: string[];
}

const TIMEOUT_MS = 15_000;
const MAX_RESPONSE_BYTES = 64 * 1024;

/** Posts a Standard Webhooks message: signed, without following redirects, to addresses that the policy allows. */
export class WebhookChannel implements Channel {
  readonly kind = 'webhook';

  constructor(private readonly policy: AddressPolicy) {}

  async send(
    message: OutboundMessage,
    config: unknown,
    secret: string | undefined,
    context: SendContext,
  ): Promise<SendResult> {
    const settings = webhookConfig.safeParse(config);
    const secrets = secretsOf(secret, context.now);
    if (!settings.success) return { kind: 'permanent', error: 'the channel has no valid URL; set it again' };
    if (secrets.length === 0)
      return { kind: 'permanent', error: 'the channel has no signing secret; rotate it' };
    const body = JSON.stringify(message.payload);
    try {
      const timestampSeconds = Math.floor(context.now / 1_000);
      const response = await postGuarded({
        url: settings.data.url,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'errata-webhook/1',
          ...signWebhook({ id: message.id, timestampSeconds, body, secrets }),
        },
        body,
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        policy: this.policy,
        signal: context.signal,
      });
      return resultOf(response, context.now);
    } catch (error) {
      return { kind: 'retry', error: error instanceof Error ? error.message : String(error) };
    }
  }
}

function secretsOf(opened: string | undefined, now: number): string[] {
  if (opened === undefined) return [];
  const { current, previous, previousUntil = 0 }: WebhookSecrets = webhookSecrets.parse(JSON.parse(opened));
  return previous !== undefined && now < previousUntil ? [current, previous] : [current];
}

/**
 * What an answer means: 2xx is a delivery; 410 says that nobody listens any more; everything else is tried again, a
 * redirect included, which is not followed.
 */
function resultOf(response: Pick<OutboundAnswer, 'status' | 'headers'>, now: number): SendResult {
  const { status } = response;
  if (status >= 200 && status < 300) return { kind: 'delivered', status };
  if (status === 410) {
    return {
      kind: 'permanent',
      status,
      error: 'HTTP 410',
      disableChannel: 'The receiver answered 410 Gone.',
    };
  }
  const wait = retryAfterMs(response.headers['retry-after'], now);
  const error =
    status >= 300 && status < 400 ? `HTTP ${status}: redirects are not followed` : `HTTP ${status}`;
  return { kind: 'retry', status, error, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
}
