import { codeOf } from './fields.js';

const NAMES: readonly (readonly [name: string, httpStatus: number])[] = [
  ['OK', 200],
  ['CANCELLED', 499],
  ['UNKNOWN', 500],
  ['INVALID_ARGUMENT', 400],
  ['DEADLINE_EXCEEDED', 504],
  ['NOT_FOUND', 404],
  ['ALREADY_EXISTS', 409],
  ['PERMISSION_DENIED', 403],
  ['RESOURCE_EXHAUSTED', 429],
  ['FAILED_PRECONDITION', 400],
  ['ABORTED', 409],
  ['OUT_OF_RANGE', 400],
  ['UNIMPLEMENTED', 501],
  ['INTERNAL', 500],
  ['UNAVAILABLE', 503],
  ['DATA_LOSS', 500],
  ['UNAUTHENTICATED', 401],
];

/** One of the sixteen canonical gRPC errors. */
export interface GrpcCode {
  name: string;
  httpStatus: number;
}

const ERRORS = NAMES.map(([name, httpStatus]): GrpcCode => ({ name, httpStatus }));
const BY_NAME: ReadonlyMap<string, GrpcCode> = new Map(ERRORS.slice(1).map((code) => [code.name, code]));

/**
 * A canonical gRPC error, by number (1 to 16, also as digits) or by name in any case, with the HTTP
 * status of google.rpc.Code. OK is no error.
 */
export function grpcCodeOf(value: unknown): GrpcCode | undefined {
  const code = codeOf(value);
  if (code === undefined || code === '0') return undefined;
  if (/^\d{1,2}$/.test(code)) return ERRORS[Number(code)];
  const name = code.toUpperCase();
  return BY_NAME.get(name === 'CANCELED' ? 'CANCELLED' : name);
}
