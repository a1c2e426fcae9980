/**
 * Our own API's errors: RFC 9457 problem details with the code, the request id and whether a retry
 * makes sense. Every code is an entry of catalogs/errata.yaml, which says the status and the fix.
 */

/** One thing wrong with one field. */
export interface FieldError {
  /** Path of the field, e.g. `events[3].http.status` or `from`. */
  field: string;
  message: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  retryable: boolean;
  errors?: FieldError[];
}

/** Thrown anywhere in the API; the filter turns it into {@link Problem}. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /**
   * @param code a code of catalogs/errata.yaml
   * @param detail what was wrong with this request and how to fix it, one or two sentences
   * @param options.retryAfter seconds, for 429 and 503
   */
  constructor(
    readonly code: string,
    detail: string,
    readonly options: { errors?: FieldError[]; retryAfter?: number; headers?: Record<string, string> } = {},
  ) {
    super(detail);
  }
}
