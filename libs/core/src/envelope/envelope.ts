import type { FieldError } from './field-errors.js';
import type { JsonRecord } from './fields.js';
import type { StatedRetry } from './retry-advice.js';

/** What one envelope says. Absent rather than empty. */
export interface EnvelopeReading {
  code?: string;
  message?: string;
  requestId?: string;
  details?: unknown;
  /** Codes beside the first: nested ones from the most specific on, then those of further errors. */
  others?: string[];
  /** HTTP status that the body itself names. */
  status?: number;
  fieldErrors?: FieldError[];
  /** What the body says about retrying, where its format has a place for that. */
  retry?: StatedRetry;
}

/** One way in which APIs wrap their errors. */
export interface Envelope {
  name: string;
  /**
   * Reads a JSON object, or says `undefined` where the object is of another kind. Must not throw.
   * @param contentType the response's media type in lower case, empty where unknown
   */
  read(body: JsonRecord, contentType: string): EnvelopeReading | undefined;
}

/** One way in which errors are written without JSON. */
export interface TextEnvelope {
  name: string;
  /**
   * Reads a text that is not JSON, trimmed and not empty, or says `undefined` where it is of another
   * kind. Must not throw and must take time linear in the length of the text.
   * @param contentType the response's media type in lower case, empty where unknown
   */
  read(body: string, contentType: string): EnvelopeReading | undefined;
}
