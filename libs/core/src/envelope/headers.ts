import { awsCode } from './aws-json.js';
import type { JsonRecord } from './fields.js';
import { codeOf, firstText, isRecord, text } from './fields.js';
import { grpcCodeOf } from './grpc-codes.js';

/** The API's own ids first, then those of the networks in front of it. */
const REQUEST_ID_HEADERS = [
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'apigw-requestid',
  'x-ms-request-id',
  'x-ms-correlation-request-id',
  'x-github-request-id',
  'x-goog-request-id',
  'x-guploader-uploadid',
  'x-slack-req-id',
  'x-fb-trace-id',
  'x-okta-request-id',
  'x-oss-request-id',
  'x-requestid',
  'x-trace-id',
  'fly-request-id',
  'x-vercel-id',
  'x-served-request-id',
  'cf-ray',
  'x-amz-cf-id',
];
const MAX_CHALLENGE = 2_000;

/** What headers and trailers say where the body is silent. */
export interface HeaderReading {
  /** In the order in which they are believed. */
  codes: string[];
  message?: string;
  /** HTTP status that corresponds to a gRPC status. */
  status?: number;
  /** Canonical gRPC name, for what gRPC says about retrying. */
  grpc?: string;
}

/** Header names are lower case by contract; a client that forgot is still understood. */
export function lowerCased(headers: unknown): JsonRecord {
  const lowered: JsonRecord = Object.create(null) as JsonRecord;
  if (!isRecord(headers)) return lowered;
  for (const name of Object.keys(headers)) lowered[name.toLowerCase()] ??= headers[name];
  return lowered;
}

/** The request id that a header of a common vendor carries; of a `traceparent` the trace id. */
export function headerRequestId(headers: JsonRecord): string | undefined {
  const named = firstText(headers, REQUEST_ID_HEADERS);
  if (named !== undefined) return named;
  return /^[\da-f]{2}-([\da-f]{32})-/.exec(text(headers['traceparent']) ?? '')?.[1];
}

/** The code of `X-Amzn-Errortype`, which the REST protocols of AWS prefer to the body. */
export function amazonCode(headers: JsonRecord): string | undefined {
  return awsCode(headers['x-amzn-errortype']);
}

/**
 * Codes outside the body: `x-ms-error-code` (Azure Storage), `error` of a `WWW-Authenticate` challenge (RFC 6750),
 * and `grpc-status` with `grpc-message`.
 */
export function readHeaders(headers: JsonRecord): HeaderReading {
  const reading: HeaderReading = { codes: [] };
  const azure = codeOf(headers['x-ms-error-code']);
  if (azure !== undefined) reading.codes.push(azure);
  readChallenge(headers['www-authenticate'], reading);
  const grpc = grpcCodeOf(headers['grpc-status']);
  if (grpc === undefined) return reading;
  reading.codes.push(grpc.name);
  reading.grpc = grpc.name;
  reading.status = grpc.httpStatus;
  reading.message ??= percentDecoded(text(headers['grpc-message']));
  return reading;
}

function readChallenge(value: unknown, reading: HeaderReading): void {
  const challenge = text(typeof value === 'string' ? value.slice(0, MAX_CHALLENGE) : undefined);
  if (challenge === undefined) return;
  const code = codeOf(/\berror="([^"]{1,128})"/.exec(challenge)?.[1]);
  if (code === undefined) return;
  reading.codes.push(code);
  reading.message = text(/\berror_description="([^"]{1,500})"/.exec(challenge)?.[1]);
}

function percentDecoded(value: string | undefined): string | undefined {
  if (value === undefined || !value.includes('%')) return value;
  try {
    return text(decodeURIComponent(value));
  } catch {
    // The gRPC specification asks readers to keep what they cannot decode.
    return value;
  }
}
