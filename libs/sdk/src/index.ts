import { ErrataClient } from './client.js';
import type { CaptureContext, PlainResponse } from './event.js';
import type { InitOptions } from './options.js';

export { ErrataClient } from './client.js';
export { InvalidDsnError, endpointOf, formatDsn, parseDsn } from './dsn.js';
export type { Dsn } from './dsn.js';
export type { CaptureContext, EventInput, PlainResponse, WireEvent } from './event.js';
export { DROP_REASONS } from './options.js';
export type { Drop, DropReason, InitOptions, Stats } from './options.js';

let defaultClient: ErrataClient | undefined;

/**
 * Makes a client, and makes it the one behind the functions of this module.
 * @throws InvalidDsnError where the DSN cannot be read
 */
export function init(options: InitOptions): ErrataClient {
  return (defaultClient = new ErrataClient(options));
}

/** {@link ErrataClient.captureError} of the default client; an empty id before `init`. */
export function captureError(error: unknown, context?: CaptureContext): string {
  return defaultClient?.captureError(error, context) ?? '';
}

/** {@link ErrataClient.captureResponse} of the default client; an empty id before `init`. */
export async function captureResponse(
  response: Response | PlainResponse,
  context?: CaptureContext,
): Promise<string> {
  return (await defaultClient?.captureResponse(response as Response, context)) ?? '';
}

/** {@link ErrataClient.flush} of the default client; true before `init`. */
export async function flush(timeoutMs?: number, options?: { signal?: AbortSignal }): Promise<boolean> {
  return (await defaultClient?.flush(timeoutMs, options)) ?? true;
}

/** {@link ErrataClient.close} of the default client; true before `init`. */
export async function close(timeoutMs?: number): Promise<boolean> {
  return (await defaultClient?.close(timeoutMs)) ?? true;
}
