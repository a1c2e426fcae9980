import type { Category, Expectation, Retryability, Severity } from './event.js';

/** What a client may do about an error, as documented. */
export interface RetryRule {
  retryability: Retryability;
  /** `backoff`: wait longer each time. `retry_after`: obey the header. `wait_for`: until `condition` holds. */
  strategy?: 'backoff' | 'retry_after' | 'wait_for';
  /** What must change first, e.g. "the running scan ends". */
  condition?: string;
  maxAttempts?: number;
  minDelaySeconds?: number;
}

/** One documented error. A code may have several entries, told apart by section. */
export interface CatalogEntry {
  /** The documented code; for status-only documentation the status itself, e.g. `404` or `5XX`. */
  code: string;
  aliases: string[];
  /** `429` or a class `5XX`. Empty where the documentation names none. */
  statuses: string[];
  section: string;
  title: string;
  meaning: string;
  causes: string[];
  resolution: string;
  retry: RetryRule;
  category: Category;
  severity: Severity;
  expectation: Expectation;
  docsUrl?: string;
}

/** A documented set of codes, in the order of the documentation. */
export interface Catalog {
  /** Kebab-case, unique. */
  slug: string;
  title: string;
  version: number;
  docsUrl?: string;
  /** How the API wraps its errors, in the words of the documentation. */
  envelope?: string;
  entries: CatalogEntry[];
}
