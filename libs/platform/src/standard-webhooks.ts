import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** One delivery to be signed; `secrets` are all that are valid now, the newest first. */
export interface WebhookMessage {
  /** The same for every attempt of one notification, so that the receiver can drop repeats. */
  id: string;
  /** Seconds since the epoch of this attempt. */
  timestampSeconds: number;
  /** The exact text that is sent. */
  body: string;
  secrets: readonly string[];
}

/** The three headers of Standard Webhooks. */
export interface WebhookHeaders extends Record<string, string> {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/**
 * Signs a delivery by the Standard Webhooks specification (symmetric scheme `v1`): base64 of HMAC-SHA256 over
 * `id.timestamp.body`, one signature per secret, so that a receiver accepts either during a rotation.
 *
 * @throws RangeError where the id is empty or holds a dot or space, the time is no whole number, or a secret is
 * not `whsec_` and 24 to 64 bytes of base64; the message never holds the secret
 */
export function signWebhook({ id, timestampSeconds, body, secrets }: WebhookMessage): WebhookHeaders {
  if (!/^[\w-]{1,128}$/.test(id)) throw new RangeError('A webhook id is 1 to 128 letters, digits, _ or -.');
  if (!Number.isSafeInteger(timestampSeconds) || timestampSeconds < 0) {
    throw new RangeError('A webhook timestamp is a whole number of seconds since the epoch.');
  }
  if (secrets.length === 0) throw new RangeError('A webhook needs at least one secret to be signed.');
  const content = `${id}.${timestampSeconds}.${body}`;
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', secretBytes(secret)).update(content, 'utf8').digest('base64')}`,
  );
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}

/** A new secret for one endpoint: `whsec_` and 32 random bytes as base64. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString('base64');
}

function secretBytes(secret: string): Buffer {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const bytes = Buffer.from(text, 'base64');
  const exact = bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  if (!exact || bytes.length < MIN_BYTES || bytes.length > MAX_BYTES) {
    throw new RangeError(`A webhook secret is '${PREFIX}' and ${MIN_BYTES} to ${MAX_BYTES} bytes as base64.`);
  }
  return bytes;
}
