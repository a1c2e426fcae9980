import type { JsonRecord } from './fields.js';

/** What one envelope says. Absent rather than empty. */
export interface EnvelopeReading {
  code?: string;
  message?: string;
  requestId?: string;
  details?: unknown;
  /** Codes of further errors in the same response, without the first. */
  others?: string[];
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
