import { pino } from 'pino';
import type { Logger } from 'pino';

export type { Logger };

const SECRETS = [
  'req.headers.authorization',
  'req.headers["x-errata-key"]',
  'req.headers["x-sentry-auth"]',
  'req.headers.cookie',
  '*.secret',
  '*.password',
  '*.apiToken',
];

/** One JSON line per message on stdout; secrets never get there. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level, redact: { paths: SECRETS, censor: '[Filtered]' } });
}
