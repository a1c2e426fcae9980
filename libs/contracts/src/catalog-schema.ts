import { z } from 'zod';
import { CATEGORIES, EXPECTATIONS, RETRYABILITIES, SEVERITIES } from '@errata/core';
import type { Catalog, CatalogEntry } from '@errata/core';

/**
 * The format of a catalog file: what `catalogs/*.yaml` holds and what users write for their own API.
 * Objects are strict, so that a misspelt key is an error instead of a silent default.
 */

const line = (what: string) =>
  z
    .string()
    .trim()
    .min(1, { error: `${what} must not be empty` })
    .max(300, { error: `${what} must not be longer than 300 characters` });

const prose = z.string().trim().max(4_000, { error: 'must not be longer than 4000 characters' });

const link = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** `404`, `"404"` or a class such as `5XX`. */
export const documentedStatus = z.preprocess(
  (value) => (typeof value === 'number' ? String(value) : value),
  z
    .string({ error: 'must be a status such as 404 or a class such as 5XX' })
    .regex(/^[1-5](?:\d\d|XX)$/, { error: 'must be a status from 100 to 599 or a class such as 5XX' }),
);

/** A code may be written as a number only where it is an HTTP status: YAML would alter `007` or `1e3`. */
const code = z.preprocess(
  (value) => (typeof value === 'number' && value >= 100 && value <= 599 ? String(value) : value),
  z
    .string({ error: 'must be text; put a code of digits in quotes' })
    .regex(/^\S{1,128}$/, { error: 'must be 1 to 128 characters without white space' }),
);

export const retryRule = z
  .strictObject({
    retryability: z.enum(RETRYABILITIES),
    /** `backoff`, `retry_after` (obey the header) or `wait_for` (until `condition` holds). */
    strategy: z.enum(['backoff', 'retry_after', 'wait_for']).optional(),
    /** What must change first. */
    condition: line('condition').optional(),
    maxAttempts: z.int().min(1).max(100).optional(),
    /** Seconds. */
    minDelaySeconds: z.number().min(0).max(86_400).optional(),
  })
  .superRefine((rule, context) => {
    const issue = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (rule.retryability === 'conditional' && rule.condition === undefined) {
      issue('condition', 'is missing: a conditional rule must say what has to change first');
    }
    if (rule.strategy === 'wait_for' && rule.condition === undefined) {
      issue('condition', 'is missing: the strategy wait_for must say what to wait for');
    }
    if (rule.retryability !== 'permanent') return;
    for (const key of ['strategy', 'condition', 'maxAttempts', 'minDelaySeconds'] as const) {
      if (rule[key] !== undefined) issue(key, 'contradicts retryability permanent, which is never retried');
    }
  });

export const catalogEntry = z
  .strictObject({
    code,
    /** Other names of the code, e.g. the typed error of an SDK. Spelling variants need none. */
    aliases: z.array(code).default([]),
    status: documentedStatus.optional(),
    /** Instead of `status`, where there are several; the usual one first. */
    statuses: z.array(documentedStatus).min(1).optional(),
    /** Heading of the documentation that holds the entry; tells two entries of one code apart. */
    section: z.string().trim().max(300).default(''),
    title: line('title'),
    meaning: prose.min(1, { error: 'must not be empty' }),
    causes: z.array(line('a cause')).default([]),
    /** What the caller should do. */
    resolution: prose.default(''),
    retry: retryRule,
    category: z.enum(CATEGORIES),
    severity: z.enum(SEVERITIES).default('medium'),
    expectation: z.enum(EXPECTATIONS).default('normal'),
    docsUrl: link.optional(),
  })
  .refine((entry) => entry.status === undefined || entry.statuses === undefined, {
    path: ['statuses'],
    error: 'contradicts status: give one of the two',
  });

/** A documented answer that is no error. Kept for the reader of the file; nothing matches it. */
export const successNote = z.strictObject({
  status: documentedStatus,
  title: line('title'),
  meaning: prose.default(''),
});

export const catalogFile = z
  .strictObject({
    slug: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { error: 'must be kebab-case, e.g. billing-api' }),
    title: line('title'),
    version: z.int().min(1),
    docsUrl: link.optional(),
    /** How the API wraps its errors, in the words of the documentation. */
    envelope: prose.optional(),
    success: z.array(successNote).optional(),
    entries: z.array(catalogEntry).min(1, { error: 'must hold at least one entry' }),
  })
  .superRefine(({ entries }, context) => {
    const places = new Map<string, number>();
    const codes = new Set(entries.map((entry) => entry.code));
    const aliases = new Map<string, string>();
    entries.forEach((entry, index) => {
      const issue = (path: PropertyKey[], message: string) =>
        context.addIssue({ code: 'custom', path: ['entries', index, ...path], message });
      const place = JSON.stringify([entry.code, entry.section]);
      const earlier = places.get(place);
      if (earlier !== undefined) {
        issue(['code'], `repeats ${entry.code} of entries[${earlier}] in the same section`);
      }
      places.set(place, earlier ?? index);
      entry.aliases.forEach((alias, at) => {
        const owner = aliases.get(alias) ?? entry.code;
        if (codes.has(alias)) issue(['aliases', at], `${alias} is a code of its own in this catalog`);
        if (owner !== entry.code) issue(['aliases', at], `${alias} is already an alias of ${owner}`);
        aliases.set(alias, owner);
      });
    });
  });

export type CatalogFile = z.infer<typeof catalogFile>;

/** A checked file as the domain's catalog: defaults filled in, notes on successes left behind. */
export function toCatalog(file: CatalogFile): Catalog {
  return {
    slug: file.slug,
    title: file.title,
    version: file.version,
    ...(file.docsUrl === undefined ? {} : { docsUrl: file.docsUrl }),
    ...(file.envelope === undefined ? {} : { envelope: file.envelope }),
    entries: file.entries.map(toEntry),
  };
}

function toEntry({ status, statuses, ...entry }: CatalogFile['entries'][number]): CatalogEntry {
  const own = /^[1-5](?:\d\d|XX)$/.test(entry.code) ? [entry.code] : [];
  return { ...entry, statuses: statuses ?? (status === undefined ? own : [status]) };
}
